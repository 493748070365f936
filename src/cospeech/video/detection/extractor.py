"""Detects a person's keypoints in a picture or a film with MediaPipe; a program of its own.

The isolated environment of ``cospeech video setup`` runs this file, as MediaPipe and its dependencies conflict
with those of the package: ``python extractor.py picture|film INPUT OUTPUT.npz``. Nothing of cospeech is imported, and
Python 3.9 is enough. A picture is an .npy file [H, W, 3] uint8 sRGB, a film any file that OpenCV opens.

It writes points [T, 116, 2] in pixels, confidence [T, 116], people [T] (large faces, see ``count_people``), fps
(0 for a picture), size (width, height) and, for a picture, mask [H, W] uint8 (255 where the person is). Progress
through a film goes to standard output, "FRAME TOTAL" in a line.

MediaPipe Holistic (Grishchenko and Bazarevsky 2020) detects pose, hands and face at once. It misses hands whose
palm is turned aside; in pictures they are searched for again, in an enlarged part around the wrist [D]. Where a
hand is detected, its root is the wrist, too: the wrist of the pose lies up to a fifth of the shoulders' width
off [D].
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

POINTS = 116  # arms 6, hands 21 and 21, face 68, in the order of cospeech.motion.points
ARMS = (11, 13, 15, 12, 14, 16)  # of the pose: shoulder, elbow, wrist, left and right
HANDS = ((6, 15, (15, 17, 19, 21)), (27, 16, (16, 18, 20, 22)))  # first point; wrist, knuckles of the pose
FACE = 48
# The 68 points of iBUG 300-W among the 468 of the mesh.
MESH = (
    162,
    234,
    93,
    58,
    172,
    136,
    149,
    148,
    152,
    377,
    378,
    365,
    397,
    288,
    323,
    454,
    389,
    71,
    63,
    105,
    66,
    107,
    336,
    296,
    334,
    293,
    301,
    168,
    197,
    5,
    4,
    75,
    97,
    2,
    326,
    305,
    33,
    160,
    158,
    133,
    153,
    144,
    362,
    385,
    387,
    263,
    373,
    380,
    61,
    39,
    37,
    0,
    267,
    269,
    291,
    405,
    314,
    17,
    84,
    181,
    78,
    82,
    13,
    312,
    308,
    317,
    14,
    87,
)
SURE_FACE = 0.6  # score from which something is a face
LARGE = 0.5  # of the widest face: smaller faces do not count as people
ASTRAY = 0.45  # shoulder widths that a hand may lie off the wrist of the pose
AROUND = 0.65  # shoulder widths from the wrist to the edge of where a hand is searched for again
ENLARGED = 384  # pixels, width of that part when it is searched
HAND_SIZE = 21  # points
SURE_HAND = 0.4  # score from which something is a hand, in the second search
SURE_WRIST = 0.5  # confidence of a wrist from which its hand is searched for again
LEAST_SHOULDERS = 16  # pixels: with narrower shoulders no hand is searched for again
TAKEN = 0.15  # shoulder widths within which a hand is the other one
EVERY = 10  # frames between reports of progress


def main(arguments: list[str]) -> None:
    """Run as the module says; exit status 1 with the reason in the last line of standard error."""
    kind, source, target = arguments
    found = _picture(np.load(source)) if kind == "picture" else _film(source)
    np.savez_compressed(target, **found)  # type: ignore[arg-type]


def _picture(picture: np.ndarray) -> dict[str, np.ndarray | float]:
    from mediapipe import solutions

    height, width = picture.shape[:2]
    with solutions.holistic.Holistic(
        static_image_mode=True, model_complexity=1, refine_face_landmarks=True
    ) as holistic:
        points, confidence = keypoints_of(holistic.process(picture), width, height)
    with solutions.hands.Hands(static_image_mode=True, max_num_hands=2, min_detection_confidence=SURE_HAND) as hands:
        for first, wrist, _ in HANDS:
            if confidence[first] == 0:
                _search_hand(hands, picture, points, confidence, first, wrist)
    with solutions.face_detection.FaceDetection(model_selection=1, min_detection_confidence=SURE_FACE) as faces:
        people = count_people(faces.process(picture))
    with solutions.selfie_segmentation.SelfieSegmentation(model_selection=0) as segmentation:
        mask = segmentation.process(picture).segmentation_mask
    return {
        "points": points[None],
        "confidence": confidence[None],
        "people": np.array([people]),
        "fps": 0.0,
        "size": np.array([width, height]),
        "mask": np.round(np.clip(mask, 0.0, 1.0) * 255).astype(np.uint8),
    }


def _film(source: str) -> dict[str, np.ndarray | float]:
    import cv2
    from mediapipe import solutions

    film = cv2.VideoCapture(source)
    total, fps = int(film.get(cv2.CAP_PROP_FRAME_COUNT)), float(film.get(cv2.CAP_PROP_FPS))
    found, people, size = [], [], (0, 0)
    wrists: tuple[list[np.ndarray | tuple[float, float]], ...] = ([], [])  # of the pose
    with (
        solutions.holistic.Holistic(model_complexity=1, refine_face_landmarks=True) as holistic,
        solutions.face_detection.FaceDetection(model_selection=1, min_detection_confidence=SURE_FACE) as faces,
    ):
        while True:
            there, frame = film.read()
            if not there:
                break
            picture = np.ascontiguousarray(frame[..., ::-1])
            size = (picture.shape[1], picture.shape[0])
            result = holistic.process(picture)
            found.append(keypoints_of(result, *size))
            for side, (_, wrist, _) in enumerate(HANDS):
                pose = result.pose_landmarks
                wrists[side].append((0.0, 0.0) if pose is None else _pixels(pose, *size)[wrist])
            people.append(count_people(faces.process(picture)))
            if len(found) % EVERY == 0:
                sys.stdout.write(f"{len(found)} {total}\n")
                sys.stdout.flush()
    if not found:
        raise SystemExit("it holds no pictures that OpenCV can read")
    points = np.stack([points for points, _ in found])
    confidence = np.stack([confidence for _, confidence in found])
    for (first, _, _), wrist, poses in ((HANDS[0], 2, wrists[0]), (HANDS[1], 5, wrists[1])):
        steady_wrists(points, confidence, first, wrist, np.array(poses))
    return {"points": points, "confidence": confidence, "people": np.array(people), "fps": fps, "size": np.array(size)}


def steady_wrists(points: np.ndarray, confidence: np.ndarray, first: int, wrist: int, poses: np.ndarray) -> None:
    """Where a hand is lost, the pose's wrist with the offset that the hand had before and after: no jumps."""
    seen = confidence[:, first] > 0
    there = confidence[:, wrist] > 0
    if seen.any():
        frames, known = np.arange(len(points)), np.flatnonzero(seen)
        off = points[:, wrist] - poses
        moved = np.stack([np.interp(frames, known, off[known, axis]) for axis in range(2)], axis=-1)
        points[there, wrist] = (poses + moved)[there]


def keypoints_of(result, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints [116, 2] in pixels and confidence [116] of a result of Holistic; 0 for what it did not detect."""
    points, confidence = np.zeros((POINTS, 2), np.float32), np.zeros(POINTS, np.float32)
    if result.pose_landmarks is None:
        return points, confidence
    pose = _pixels(result.pose_landmarks, width, height)
    points[:6] = pose[list(ARMS)]
    confidence[:6] = [result.pose_landmarks.landmark[k].visibility for k in ARMS]
    reach = np.linalg.norm(points[0] - points[3])
    for (first, _, around), hand in ((HANDS[0], result.left_hand_landmarks), (HANDS[1], result.right_hand_landmarks)):
        if hand is not None:
            hand = _pixels(hand, width, height)
            if np.linalg.norm(hand[0] - pose[around[0]]) < ASTRAY * reach:
                _put(hand, points, confidence, first)
    if result.face_landmarks is not None:
        points[FACE:], confidence[FACE:] = _pixels(result.face_landmarks, width, height)[list(MESH)], 1.0
    return points, confidence


def _search_hand(
    hands, picture: np.ndarray, points: np.ndarray, confidence: np.ndarray, first: int, wrist: int
) -> None:
    """Search for a hand around its wrist, in a part of the picture enlarged to ``ENLARGED`` pixels."""
    import cv2

    height, width = picture.shape[:2]
    arm = 3 * (wrist == 16)
    reach = float(np.linalg.norm(points[0] - points[3]))
    at = points[arm + 2]
    if confidence[arm + 2] < SURE_WRIST or not (0 <= at[0] < width and 0 <= at[1] < height) or reach < LEAST_SHOULDERS:
        return
    half = AROUND * reach
    left, top = max(int(at[0] - half), 0), max(int(at[1] - half), 0)
    part = picture[top : int(at[1] + half) + 1, left : int(at[0] + half) + 1]
    scale = ENLARGED / (2 * half)
    shown = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    result = hands.process(np.ascontiguousarray(shown))
    taken = points[27 if first == 6 else 6]
    best, near = None, ASTRAY * reach
    for hand in result.multi_hand_landmarks or ():
        spots = _pixels(hand, shown.shape[1], shown.shape[0]) / scale + [left, top]
        away = float(np.linalg.norm(spots[0] - at))
        if away < near and np.linalg.norm(spots[0] - taken) > TAKEN * reach:
            best, near = spots, away
    if best is not None:
        _put(best, points, confidence, first)


def _put(hand: np.ndarray, points: np.ndarray, confidence: np.ndarray, first: int) -> None:
    """Store a detected hand, from keypoint ``first`` on, and its root as wrist."""
    points[first : first + HAND_SIZE], confidence[first : first + HAND_SIZE] = hand, 1.0
    wrist = 2 if first == HANDS[0][0] else 5
    points[wrist], confidence[wrist] = hand[0], 1.0


def count_people(result) -> int:
    """Number of faces at least ``LARGE`` times as wide as the widest."""
    widths = [face.location_data.relative_bounding_box.width for face in result.detections or ()]
    return sum(width >= LARGE * max(widths) for width in widths)


def _pixels(landmarks, width: int, height: int) -> np.ndarray:
    """[N, 2] pixels."""
    return np.array([[one.x * width, one.y * height] for one in landmarks.landmark], np.float32)


if __name__ == "__main__":
    if not Path(sys.argv[2]).is_file():
        raise SystemExit("no such file: " + sys.argv[2])
    main(sys.argv[1:])
