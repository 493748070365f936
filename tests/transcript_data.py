"""Transcripts of every format that is read, made by code: words at known times."""

from __future__ import annotations

import json
from collections.abc import Mapping

TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 7.8
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 7.8
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1.0
            text = "hello"
        intervals [3]:
            xmin = 1.0
            xmax = 1.5
            text = "world"
    item [2]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 7.8
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 7.8
            text = "AH0"
"""

EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0">
  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/>
  <TIME_ORDER>
    <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500"/>
    <TIME_SLOT TIME_SLOT_ID="ts2"/>
    <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="1500"/>
  </TIME_ORDER>
  <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="anna-words">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
      <ANNOTATION_VALUE>world</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
      <ANNOTATION_VALUE>hello</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="gesture" TIER_ID="gesture">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts3">
      <ANNOTATION_VALUE>beat of the left hand</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
</ANNOTATION_DOCUMENT>
"""

ASS = """[Script Info]
Title: made
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,20

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:01.50,Default,BOB,0,0,0,,{\\an8\\i1}world{\\i0}
Comment: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,not said
Dialogue: 0,0:00:00.50,0:00:01.00,Default,ANNA,0,0,0,,hello
Dialogue: 0,0:00:00.50,0:00:03.00,Default,,0,0,0,,{\\p1}m 0 0 l 10 0 10 10{\\p0}
"""


def _js(document: object) -> str:
    return json.dumps(document)


HELLO, WORLD = (
    {"word": "hello", "start": 0.5, "end": 1.0, "confidence": 0.9},
    {"word": "world", "start": 1.0, "end": 1.5, "confidence": 0.8},
)

# Every one of these says "hello" from 0.5 to 1.0 s and "world" from 1.0 to 1.5 s.
SAME: Mapping[str, str] = {
    "long.TextGrid": TEXTGRID,
    "short.TextGrid": (
        '"ooTextFile"\n"TextGrid"\n0\n2\n<exists>\n1\n"IntervalTier"\n"words"\n0\n2\n2\n0.5\n1\n"hello"\n1\n1.5\n"world"\n'
    ),
    "elan.eaf": EAF,
    "cues.srt": "1\n00:00:00,500 --> 00:00:01,000\nhello\n\n2\n00:00:01,000 --> 00:00:01,500\nworld\n",
    "points.srt": "1\n00:00:00.500 --> 00:00:01.000\nhello\n2\n00:00:01.000 --> 00:00:01.500\nworld\n",
    "cues.vtt": "WEBVTT\n\n00:00.500 --> 00:01.000\nhello\n\n00:00:01.000 --> 00:00:01.500\nworld\n",
    "cues.sbv": "0:00:00.500,0:00:01.000\nhello\n\n0:00:01.000,0:00:01.500\nworld\n",
    "lines.ass": ASS,
    "karaoke.ass": "[Events]\nDialogue: 0,0:00:00.50,0:00:01.50,D,,0,0,0,,{\\k30}hel{\\k20}lo {\\kf50}world\n",
    "words.lrc": "[ti:made]\n[00:00.50]<00:00.50>hello <00:01.00>world<00:01.50>\n[00:01.50]\n",
    "lines.lrc": "[offset:+500]\n[00:01.50]world\n[00:01.00]hello\n[00:02.00]\n",
    "words.ctm": ";; made\nutt1 1 0.50 0.50 hello 0.98\nutt1 1 1.00 0.50 world 0.7\nutt1 1 1.50 .2 <eps>\n",
    "whisper.tsv": "start\tend\ttext\n500\t1000\thello\n1000\t1500\tworld\n",
    "seconds.tsv": "start\tend\ttext\n0.5\t1.0\thello\n1.0\t1.5\tworld\n",
    "speakers.tsv": "0.5\t1.0\tanna\thello\n1.0\t1.5\tanna\tworld\n",
    "named.tsv": "speaker\ttext\tbegin\tduration\nbob\thello\t0:00.5\t0.5\nanna\tworld\t0:01.0\t0.5\n",
    "whisper.csv": 'start,end,text\n500,1000," hello"\n1000,1500," world"\n',
    "audacity.txt": "0.500000\t1.000000\thello\n\\\t100.0\t900.0\n1.000000\t1.500000\tworld\n",
    "cues.txt": "1\n00:00:00,500 --> 00:00:01,000\nhello\n\n2\n00:00:01,000 --> 00:00:01,500\nworld\n",
    "printed.txt": "[00:00.500 --> 00:01.000]  hello\n[00:01.000 --> 00:01.500]  world\n",
    "openai.json": _js({"text": "", "segments": [{"start": 0.4, "end": 1.6, "text": "x", "words": [HELLO, WORLD]}]}),
    "tokens.json": _js(
        {
            "transcription": [
                {"offsets": {"from": 500, "to": 700}, "text": " hel"},
                {"offsets": {"from": 700, "to": 1000}, "text": "lo"},
                {"offsets": {"from": 1000, "to": 1500}, "text": " world"},
            ]
        }
    ),
    "vosk.json": _js({"result": [HELLO, WORLD], "text": "hello world"}),
    "vosk_stream.json": _js({"result": [HELLO], "text": "hello"}) + "\n" + _js({"result": [WORLD], "text": "world"}),
    "vosk_best.json": _js({"alternatives": [{"text": "hello world", "result": [HELLO, WORLD]}, {"text": "hell"}]}),
    "deepgram.json": _js(
        {
            "metadata": {},
            "results": {"channels": [{"alternatives": [{"transcript": "hello world", "words": [HELLO, WORLD]}]}]},
        }
    ),
    "gentle.json": _js(
        {
            "transcript": "hello world",
            "words": [
                {**HELLO, "alignedWord": "hello", "case": "success", "startOffset": 0, "endOffset": 5},
                {**WORLD, "alignedWord": "world", "case": "success", "startOffset": 6, "endOffset": 11},
            ],
        }
    ),
    "assemblyai.json": _js(
        {
            "audio_duration": 3,
            "text": "hello world",
            "words": [
                {"text": "hello", "start": 500, "end": 1000, "speaker": "A"},
                {"text": "world", "start": 1000, "end": 1500, "speaker": "B"},
            ],
        }
    ),
    "google.json": _js(
        {
            "results": [
                {
                    "alternatives": [
                        {
                            "transcript": "hello world",
                            "words": [
                                {"word": "hello", "startTime": "0.500s", "endTime": "1s"},
                                {
                                    "word": "world",
                                    "startTime": {"seconds": "1"},
                                    "endTime": {"seconds": 1, "nanos": 5e8},
                                },
                            ],
                        }
                    ]
                }
            ]
        }
    ),
    "azure.json": _js(
        {
            "RecognitionStatus": "Success",
            "Offset": 5000000,
            "Duration": 10000000,
            "NBest": [
                {
                    "Display": "Hello world.",
                    "Words": [
                        {"Word": "hello", "Offset": 5000000, "Duration": 5000000},
                        {"Word": "world", "Offset": 10000000, "Duration": 5000000},
                    ],
                }
            ],
        }
    ),
    "amazon.json": _js(
        {
            "results": {
                "items": [
                    {
                        "type": "pronunciation",
                        "start_time": "0.5",
                        "end_time": "1.0",
                        "alternatives": [{"content": "hello"}],
                    },
                    {
                        "type": "pronunciation",
                        "start_time": "1.0",
                        "end_time": "1.5",
                        "alternatives": [{"content": "world"}],
                    },
                ]
            }
        }
    ),
    "rev.json": _js(
        {
            "monologues": [
                {
                    "speaker": 0,
                    "elements": [
                        {"type": "text", "value": "hello", "ts": 0.5, "end_ts": 1.0},
                        {"type": "punct", "value": " "},
                        {"type": "text", "value": "world", "ts": 1.0, "end_ts": 1.5},
                    ],
                }
            ]
        }
    ),
    "aeneas.json": _js(
        {
            "fragments": [
                {"begin": "0.500", "end": "1.000", "lines": ["hello"]},
                {"begin": "1.000", "end": "1.500", "lines": ["world"]},
            ]
        }
    ),
    "mfa.json": _js(
        {"start": 0, "end": 2, "tiers": {"words": {"entries": [[0.5, 1.0, "hello"], [1.0, 1.5, "world"]]}}}
    ),
    "site.json": _js(
        {
            "events": [
                {"tStartMs": 0, "dDurationMs": 9000, "id": 1},
                {
                    "tStartMs": 500,
                    "dDurationMs": 1000,
                    "segs": [{"utf8": "hello"}, {"utf8": " world", "tOffsetMs": 500}],
                },
            ]
        }
    ),
}
