// Buttons, keys and pointers: what the user does, turned into calls on the player.
import { element } from "./dom.js";
import { clamp } from "./math.js";

const VIEW_KEYS = ["front", "quarter", "side", "face", "hands", "full"];
const ORBIT = 0.008; // radians a pixel
const KEY_TURN = 0.14; // radians a key press

/** Turning, moving and zooming the camera with mouse, pen and fingers. */
export function bindPointer(canvas, camera, { changed, reset }) {
  const pointers = new Map();
  const point = (event) => ({ x: event.clientX, y: event.clientY });

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { ...point(event), pan: event.button !== 0 || event.shiftKey });
    canvas.classList.add("dragging");
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = { ...before, ...point(event) };
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    if (pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const [was, is] = [before, now].map((p) => Math.max(Math.hypot(p.x - other.x, p.y - other.y), 10));
      camera.zoom(was / is);
      camera.pan(dx / 2 / canvas.clientHeight, dy / 2 / canvas.clientHeight);
    } else if (before.pan) camera.pan(dx / canvas.clientHeight, dy / canvas.clientHeight);
    else camera.orbit(dx * ORBIT, dy * ORBIT);
    pointers.set(event.pointerId, now);
    changed();
  });
  const release = (event) => {
    pointers.delete(event.pointerId);
    if (!pointers.size) canvas.classList.remove("dragging");
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("dblclick", reset);
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
    camera.zoom(Math.exp(clamp(pixels, -120, 120) * (event.ctrlKey ? 0.01 : 0.0016)));
    changed();
  }, { passive: false });
}

/** Buttons and keys. @param player what main.js assembled: clock, camera, timeline and their actions */
export function bindControls(player) {
  const { clock, timeline, camera } = player;
  const speed = element("speed");
  const volume = element("volume");
  const press = (id, on) => element(id).setAttribute("aria-pressed", String(on));

  const actions = {
    step: (frames) => {
      clock.pause();
      // Frames are stepped on their own grid, wherever the pause fell.
      const frame = Math.round(clock.time * player.fps) + frames;
      clock.seek(clamp(frame / player.fps, 0, clock.duration));
    },
    jump: (seconds) => clock.seek(clock.time + seconds),
    speed: (steps) => {
      speed.selectedIndex = clamp(speed.selectedIndex + steps, 0, speed.options.length - 1);
      clock.setRate(Number(speed.value));
    },
    loop: () => press("loop", (clock.loop = !clock.loop)),
    mute: (on = !player.muted) => {
      player.setVolume(on ? 0 : player.volume || 1, on);
      press("mute", on);
    },
    volume: (change) => {
      volume.value = clamp(Number(volume.value) + change, 0, 1);
      volume.dispatchEvent(new Event("input"));
    },
    captions: () => press("words", (player.captions = !player.captions)),
    skeleton: () => press("skeleton", (player.skeleton = !player.skeleton)),
    whole: () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else document.documentElement.requestFullscreen?.().catch(() => {});
    },
    help: () => element("keys").showModal(),
    view: (name) => {
      player.showView(name);
      for (const button of document.querySelectorAll("[data-view]")) {
        button.setAttribute("aria-pressed", String(button.dataset.view === name));
      }
    },
  };

  const click = (id, action) => element(id).addEventListener("click", () => {
    action();
    player.changed();
  });
  click("play", () => clock.toggle());
  click("bigPlay", () => {
    clock.play();
    element("play").focus({ preventScroll: true });
  });
  click("back", () => actions.step(-1));
  click("forth", () => actions.step(1));
  click("loop", () => actions.loop());
  click("mute", () => actions.mute());
  click("words", () => actions.captions());
  click("skeleton", () => actions.skeleton());
  click("whole", () => actions.whole());
  click("help", () => actions.help());
  click("zoomIn", () => timeline.zoom(0.6));
  click("zoomOut", () => timeline.zoom(1 / 0.6));
  click("zoomFit", () => timeline.fit());
  if (!document.documentElement.requestFullscreen) element("whole").hidden = true;
  speed.addEventListener("change", () => clock.setRate(Number(speed.value)));
  volume.addEventListener("input", () => {
    const value = Number(volume.value);
    player.setVolume(value, value === 0);
    press("mute", value === 0);
  });
  for (const button of document.querySelectorAll("[data-view]")) {
    button.addEventListener("click", () => actions.view(button.dataset.view));
  }

  const keys = {
    ArrowLeft: (e) => (e.shiftKey ? actions.jump(-1) : actions.step(-1)),
    ArrowRight: (e) => (e.shiftKey ? actions.jump(1) : actions.step(1)),
    ArrowUp: () => actions.volume(0.1),
    ArrowDown: () => actions.volume(-0.1),
    Home: () => clock.seek(0),
    End: () => clock.seek(clock.duration),
    "[": () => actions.speed(-1),
    "]": () => actions.speed(1),
    l: () => actions.loop(),
    m: () => actions.mute(),
    c: () => actions.captions(),
    b: () => actions.skeleton(),
    f: () => actions.whole(),
    "?": () => actions.help(),
    "+": () => timeline.zoom(0.6),
    "=": () => timeline.zoom(0.6),
    "-": () => timeline.zoom(1 / 0.6),
    0: () => timeline.fit(),
    w: () => camera.orbit(0, KEY_TURN),
    s: () => camera.orbit(0, -KEY_TURN),
    a: () => camera.orbit(KEY_TURN, 0),
    d: () => camera.orbit(-KEY_TURN, 0),
    q: () => camera.zoom(1.12),
    e: () => camera.zoom(1 / 1.12),
    r: () => player.reset(),
    " ": () => clock.toggle(),
    k: () => clock.toggle(),
  };
  VIEW_KEYS.forEach((name, i) => (keys[i + 1] = () => actions.view(name)));

  window.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || element("keys").open) return;
    const { tagName, type } = event.target;
    const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    // A focused control keeps the keys that it needs itself.
    if (tagName === "SELECT" || (tagName === "INPUT" && type === "range" && event.key.startsWith("Arrow"))) return;
    if (event.key === " " && tagName === "BUTTON") return;
    event.preventDefault();
    action(event);
    player.changed();
  });
  return actions;
}
