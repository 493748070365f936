"""Speech to gesture in Blender: the sidebar's tab cospeech, its operators and preferences."""

import textwrap
import time
from typing import ClassVar

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from .armature import ArmatureError, Put
from .command import CommandError
from .gesture import Gesture, Settings

_TICK = 0.1  # seconds between looks at the command
_COLUMNS = 42  # of a message in the panel
_EMOTIONS = (
    "conversation neutral amusement anger disgust fear joy pride sadness shame surprise auto".split()
)  # as of cospeech generate --emotion

_running: Gesture | None = None


class Options(bpy.types.PropertyGroup):
    """What a scene remembers."""

    sound: StringProperty(name="Sound", description="A recording of somebody who speaks", subtype="FILE_PATH")
    transcript: StringProperty(
        name="Transcript",
        description="What is said: captions, TextGrid, plain text. What lies beside the sound is found by itself",
        subtype="FILE_PATH",
    )
    model: EnumProperty(
        name="Model",
        items=[
            ("contextual", "Contextual", "The default"),
            ("emotion", "Emotion", "Acts mixtures of emotions; takes differ more"),
            ("exges", "ExGes", "Joins real gestures from a library"),
        ],
    )
    emotion: EnumProperty(
        name="Mood", items=[(name, name.capitalize(), "") for name in _EMOTIONS], description="How the person feels"
    )
    intensity: FloatProperty(
        name="Strength", description="How lively the gestures are", default=1.0, min=0.25, max=2.5, step=5
    )
    speaker: StringProperty(name="Speaker", description="Whose style of gesturing; empty for the model's own")
    seed: IntProperty(name="Seed", description="Another number gives another take", min=0)
    takes: IntProperty(
        name="Takes", description="Takes of this seed and the next ones, each an action", default=1, min=1, max=16
    )
    seated: BoolProperty(name="Seated", description="Sit on a stool")
    first: IntProperty(name="First Frame", description="Where sound and gesture begin", default=1)
    rate: EnumProperty(
        name="Frame Rate",
        items=[
            ("SCENE", "The Scene's", "The gesture gets the scene's frame rate, so it has a key on each frame"),
            ("MOTION", "Set to 30", "The scene gets the gesture's own frame rate"),
        ],
    )
    strip: BoolProperty(
        name="Sound in Sequencer", description="Add the sound to the scene and play in step with it", default=True
    )


class State(bpy.types.PropertyGroup):
    """What the panel shows of a gesture in the making."""

    share: FloatProperty(min=0.0, max=1.0)
    stage: StringProperty()
    message: StringProperty()
    failed: BoolProperty()


class Preferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    command: StringProperty(
        name="Command",
        description="Path of cospeech, or a command line such as /opt/venv/bin/python -m cospeech; "
        "empty to look on the PATH",
        subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop(self, "command")


def _settings(context: bpy.types.Context, folder: str) -> Settings:
    options = context.scene.cospeech
    addon = context.preferences.addons.get(__package__)
    return Settings(
        sound=bpy.path.abspath(options.sound),
        command=addon.preferences.command if addon else "",
        transcript=bpy.path.abspath(options.transcript),
        model=options.model,
        emotion="" if options.emotion == "conversation" else options.emotion,
        intensity=options.intensity,
        speaker=options.speaker,
        seed=options.seed,
        takes=options.takes,
        seated=options.seated,
        first=options.first,
        set_rate=options.rate == "MOTION",
        strip=options.strip,
    )


class COSPEECH_OT_gesture(bpy.types.Operator):
    """Put a gesture to the sound on the selected armature"""

    bl_idname = "cospeech.gesture"
    bl_label = "Speech to Gesture"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    folder: StringProperty(
        name="Folder",
        description="Where the files in between are kept",
        subtype="DIR_PATH",
        options={"SKIP_SAVE", "HIDDEN"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if _running is not None:
            cls.poll_message_set("a gesture is in the making")
            return False
        if context.object is None or context.object.type != "ARMATURE":
            cls.poll_message_set("select an armature")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self._begin(context):
            return {"CANCELLED"}
        self.timer = context.window_manager.event_timer_add(_TICK, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Without a window, or from a script: wait until it is there."""
        if not self._begin(context):
            return {"CANCELLED"}
        while not self._is_over(context):
            time.sleep(_TICK)
        return self._end(context)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" or _running is None:
            self.cancel(context)
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        over = self._is_over(context)
        _redraw(context)
        if not over:
            return {"PASS_THROUGH"}
        context.window_manager.event_timer_remove(self.timer)
        return self._end(context)

    def cancel(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self.timer)
        stop()
        _say(context, "stopped")

    def _begin(self, context: bpy.types.Context) -> bool:
        global _running
        state = context.window_manager.cospeech
        state.share, state.stage = 0.0, "starting"
        _say(context, "")
        try:
            _running = Gesture(context, context.object, _settings(context, self.folder), self.folder)
        except (ArmatureError, CommandError) as error:
            self._fail(context, error)
            return False
        return True

    def _is_over(self, context: bpy.types.Context) -> bool:
        state = context.window_manager.cospeech
        try:
            over = _running.poll()
        except CommandError as error:
            stop()
            self._fail(context, error)
            return True
        state.share, state.stage = _running.command.share, _running.command.stage
        return over

    def _end(self, context: bpy.types.Context) -> set[str]:
        global _running
        if _running is None:  # it failed
            return {"CANCELLED"}
        made, _running = _running, None
        try:
            found = made.finish(context)
        except ArmatureError as error:
            self._fail(context, error)
            return {"CANCELLED"}
        finally:
            _redraw(context)
        for note in made.command.notes:
            self.report({"INFO"}, note)
        self._tell(context, found)
        return {"FINISHED"}

    def _tell(self, context: bpy.types.Context, found: list[Put]) -> None:
        """What there is now; and bones that do not show it."""
        first = found[0]
        text = f"{', '.join(action.name for put in found for action in put.actions)}: {first.bones} bones"
        text += f", {first.shapes} shape keys" if first.shapes else ", no shape keys that speak"
        if first.held:
            names = ", ".join(first.held[:3])
            text += f". Constraints or drivers hold {len(first.held)} of them ({names} ...), which may not follow"
        _say(context, text, failed=bool(first.held))
        self.report({"WARNING" if first.held else "INFO"}, text)

    def _fail(self, context: bpy.types.Context, error: Exception) -> None:
        _say(context, str(error), failed=True)
        self.report({"ERROR"}, str(error))


class COSPEECH_OT_stop(bpy.types.Operator):
    """End the gesture in the making; nothing of it stays"""

    bl_idname = "cospeech.stop"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _running is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        stop()
        _say(context, "stopped")
        return {"FINISHED"}


class COSPEECH_PT_panel(bpy.types.Panel):
    bl_label = "Speech to Gesture"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "cospeech"

    def draw(self, context: bpy.types.Context) -> None:
        layout, options, state = self.layout, context.scene.cospeech, context.window_manager.cospeech
        layout.use_property_split, layout.use_property_decorate = True, False
        column = layout.column()
        column.enabled = _running is None
        for name in ("sound", "transcript", "model", "emotion", "intensity", "speaker", "seed", "takes", "seated"):
            column.prop(options, name)
        column.separator()
        for name in ("first", "rate", "strip"):
            column.prop(options, name)
        if _running is not None:
            layout.progress(factor=state.share, text=state.stage)
            layout.operator("cospeech.stop", icon="X")
        else:
            layout.operator("cospeech.gesture", icon="PLAY")
        if state.message:
            box = layout.box().column(align=True)
            for row, line in enumerate(textwrap.wrap(state.message, _COLUMNS)):
                box.label(text=line, icon=("ERROR" if state.failed else "INFO") if row == 0 else "BLANK1")


def stop() -> None:
    """End the gesture in the making, if there is one."""
    global _running
    if _running is not None:
        made, _running = _running, None
        made.cancel()


def _say(context: bpy.types.Context, text: str, *, failed: bool = False) -> None:
    state = context.window_manager.cospeech
    state.message, state.failed = text, failed


def _redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


_CLASSES = (Options, State, Preferences, COSPEECH_OT_gesture, COSPEECH_OT_stop, COSPEECH_PT_panel)


def register() -> None:
    for one in _CLASSES:
        bpy.utils.register_class(one)
    bpy.types.Scene.cospeech = PointerProperty(type=Options)
    bpy.types.WindowManager.cospeech = PointerProperty(type=State)


def unregister() -> None:
    stop()
    del bpy.types.WindowManager.cospeech
    del bpy.types.Scene.cospeech
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
