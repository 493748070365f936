"""Video of people: keypoints found, a portrait driven and warped, films edited, marked and measured.

Sub-packages import from those below their own line:

    training                   learns the networks (needs torch)
    films                      portraits and films read, animated, edited and written
    evaluation, synthetic      measures of pictures; drawn people with known keypoints
    detection                  keypoints and mask of the person in a picture
    driving, warping           keypoints that follow a motion; pixels that follow keypoints
    provenance                 record and watermark of generated video
"""
