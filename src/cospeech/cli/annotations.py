"""What the commands' arguments are called in the help, and how often they may be given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import UseAppendAction, arg

Recording = Annotated[Path, arg(metavar="SPEECH")]
MaybeRecording = Annotated[Path | None, arg(metavar="SPEECH", help_behavior_hint="")]
MotionFile = Annotated[Path, arg(metavar="MOTION")]
DatasetFolder = Annotated[Path, arg(metavar="DATASET")]
RunFolder = Annotated[Path, arg(metavar="RUN")]
Out = UseAppendAction[Annotated[tuple[Path, ...], arg(aliases=["-o"], metavar="FILE", help_behavior_hint="")]]
OutFolder = Annotated[Path, arg(aliases=["-o"], metavar="FOLDER")]
Systems = Annotated[tuple[Path, ...], arg(metavar="MODEL|FOLDER ...", help_behavior_hint="")]
Metrics = Annotated[tuple[str, ...], arg(metavar="GROUP ...", help_behavior_hint="")]
Onto = Annotated[Path | None, arg(metavar="CHARACTER", help_behavior_hint="")]
MaybeFolder = Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")]
MaybeFile = Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")]
MaybeName = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")]
MaybeEmotion = Annotated[str | None, arg(metavar="NAME[:X][,NAME:X]|auto", help_behavior_hint="")]
MaybeEncoder = Annotated[str | None, arg(metavar="NAME|FOLDER", help_behavior_hint="")]
Layer = Annotated[str, arg(metavar="LAYER")]
MaybePose = Annotated[str | None, arg(metavar="FILE[@SECONDS]", help_behavior_hint="")]
Spans = UseAppendAction[Annotated[tuple[str, ...], arg(metavar="START:END", help_behavior_hint="")]]
Joints = UseAppendAction[Annotated[tuple[str, ...], arg(metavar="NAME[,NAME]", help_behavior_hint="")]]
Constraints = UseAppendAction[Annotated[tuple[str, ...], arg(metavar="FILE@START:END[:JOINTS]", help_behavior_hint="")]]
Model = Annotated[str, arg(aliases=["--method"], metavar="NAME|FOLDER")]
MaybeModel = Annotated[str | None, arg(metavar="NAME|FOLDER", help_behavior_hint="")]
MaybeNumber = Annotated[float | None, arg(metavar="NUMBER", help_behavior_hint="")]
MaybeCount = Annotated[int | None, arg(metavar="N", help_behavior_hint="")]
Words = Literal["auto", "off", "faster-whisper", "whisper.cpp"]
Count = Annotated[int, arg(metavar="N")]
Corpora = Annotated[tuple[str, ...], arg(metavar="READER=FOLDER ...", help_behavior_hint="")]
Names = UseAppendAction[Annotated[tuple[str, ...], arg(metavar="NAME", help_behavior_hint="")]]
Some = Annotated[tuple[str, ...], arg(metavar="NAME ...")]
Query = Annotated[Path, arg(metavar="SPEECH|MOTION")]
LibraryFolder = Annotated[Path, arg(metavar="LIBRARY")]
LibraryFolders = Annotated[tuple[Path, ...], arg(metavar="LIBRARY ...", help_behavior_hint="")]
MaybeWords = Annotated[str | None, arg(metavar="WORDS", help_behavior_hint="")]
MaybeSpan = Annotated[str | None, arg(metavar="START:END", help_behavior_hint="")]
MaybeFigure = Annotated[float | None, arg(metavar="X", help_behavior_hint="")]
Saving = Mapping[str, Any]  # options of files, by name
RigMap = Annotated[Path | None, arg(metavar="names.json", help_behavior_hint="")]
Clip = Annotated[str | None, arg(metavar="NAME|N", help_behavior_hint="")]
