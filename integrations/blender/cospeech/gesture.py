"""From a sound to an action: the armature goes out, cospeech runs, its gesture comes back."""

from __future__ import annotations

import math
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import bpy

from .armature import ArmatureError, Put, add_sound, frame_rate, put_on, save_at_rest
from .clip import read_clip
from .command import Command, CommandError, find_command

OWN_RATE = 30  # frames a second that motion is made at
_CHARACTER = "armature.glb"


@dataclass(frozen=True)
class Settings:
    """What a user chooses."""

    sound: str
    command: str = ""  # that starts cospeech; empty to look on the PATH
    transcript: str = ""
    model: str = "contextual"
    emotion: str = ""  # empty for what the model does by itself
    intensity: float = 1.0
    speaker: str = ""
    seed: int = 0
    takes: int = 1
    seated: bool = False
    first: int = 1  # frame at which it begins
    set_rate: bool = False  # of the scene, to that of the motion; otherwise the motion gets the scene's
    strip: bool = True  # put the sound into the sequencer

    def words(self, character: Path, target: Path, fps: float) -> list[str]:
        """The command line. Raises CommandError without a command."""
        words = [*find_command(self.command), "generate", self.sound, "--onto", str(character), "-o", str(target)]
        words += ["--model", self.model, "--seed", str(self.seed), "--variants", str(self.takes)]
        if not math.isclose(fps, OWN_RATE, rel_tol=1e-6):
            words += ["--fps", repr(fps)]
        if not math.isclose(self.intensity, 1.0, rel_tol=1e-6):
            words += ["--intensity", f"{self.intensity:.4g}"]
        for option, value in (
            ("--transcript", self.transcript),
            ("--emotion", self.emotion),
            ("--speaker", self.speaker),
        ):
            if value:
                words += [option, value]
        return [*words, *(["--seated"] if self.seated else [])]


class Gesture:
    """A gesture in the making. ``poll`` it until it is over, then ``finish`` it; or ``cancel`` it at any time.

    Nothing in the file changes before ``finish``.
    """

    def __init__(
        self, context: bpy.types.Context, armature: bpy.types.Object, settings: Settings, folder: str = ""
    ) -> None:
        """Write the armature and start the command.

        Args:
            folder: where files are kept; empty for a temporary one.

        Raises:
            ArmatureError, CommandError: in one line what is missing.
        """
        if not settings.sound or not Path(settings.sound).is_file():
            raise ArmatureError(
                f"{settings.sound or 'no sound'}: no such file; choose a sound (wav, mp3, flac, m4a ...)"
            )
        self.settings, self.name = settings, armature.name
        self._kept = bool(folder)
        self.folder = Path(folder or tempfile.mkdtemp(prefix="cospeech-"))
        try:
            character, target = self.folder / _CHARACTER, self.folder / "gesture.glb"
            self.fps = float(OWN_RATE) if settings.set_rate else frame_rate(context.scene)
            words = settings.words(character, target, self.fps)
            save_at_rest(context, armature, character)
            self.command = Command.start(words)
        except BaseException:
            self._clear()
            raise

    def poll(self) -> bool:
        """Whether the command is over. Raises CommandError if it failed."""
        try:
            return self.command.poll()
        except CommandError as error:
            written = str(self.folder / _CHARACTER)
            raise CommandError(str(error).replace(written, self.name)) from None

    def finish(self, context: bpy.types.Context) -> list[Put]:
        """Put the takes on the armature, which plays the first; then the rate, the sound, and the scene's end."""
        try:
            armature = bpy.data.objects.get(self.name)
            if armature is None or armature.type != "ARMATURE":
                raise ArmatureError(f"the armature {self.name} is gone")
            files = [path for path in self.command.outputs or () if path.endswith(".glb")]
            try:
                clips = [read_clip(path) for path in files]
            except (ValueError, OSError) as error:
                raise ArmatureError(f"the gesture cannot be read: {error}") from None
            settings, scene = self.settings, context.scene
            stem = Path(settings.sound).stem
            found = []
            for take, clip in reversed(list(enumerate(clips, start=1))):
                name = stem if len(clips) == 1 else f"{stem}.{take}"
                found.append(put_on(armature, clip, name, first=settings.first, fps=self.fps, assign=take == 1))
            if settings.set_rate:
                scene.render.fps, scene.render.fps_base = OWN_RATE, 1.0
            if settings.strip:
                add_sound(scene, settings.sound, settings.first)
            last = settings.first + math.ceil(float(clips[0].times[-1]) * self.fps)
            scene.frame_end = max(scene.frame_end, last)
            return found[::-1]
        finally:
            self._clear()

    def cancel(self) -> None:
        """End the command and remove its files."""
        self.command.stop()
        self._clear()

    def _clear(self) -> None:
        if not self._kept:
            shutil.rmtree(self.folder, ignore_errors=True)
