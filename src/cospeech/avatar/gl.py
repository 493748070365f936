"""The same picture through OpenGL (moderngl and a driver with EGL, the extra ``[gl]``): faster, optional.

Vertices are posed and lit in NumPy as for the software path, so both look alike; the driver fills the
triangles with eight samples a pixel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import UserError
from .body import Body, vertex_normals
from .light import light_vertices
from .scene import Studio

SAMPLES = 8

_VERTEX = """
#version 330
in vec3 place;  // x, y in -1 to 1, distance in metres
in vec3 colour;
out vec3 shade;
uniform vec2 span;  // nearest and farthest distance
void main() {
    float far = span.y, near = span.x;
    float depth = (far + near - 2.0 * far * near / place.z) / (far - near);
    gl_Position = vec4(place.xy, depth, 1.0) * place.z;
    shade = colour;
}
"""
_FRAGMENT = """
#version 330
in vec3 shade;
out vec4 pixel;
void main() { pixel = vec4(shade, 1.0); }
"""


def open_painter(width: int, height: int, *, required: bool = False) -> GlPainter | None:
    """A painter for pictures of a size, or None where OpenGL does not work.

    Raises:
        UserError: with ``required``, says what is missing.
    """
    try:
        import moderngl
    except ImportError:
        if required:
            raise UserError("the gl backend needs moderngl; install cospeech[gl], or use backend='auto'") from None
        return None
    try:
        return GlPainter(moderngl, width, height)
    except Exception as error:  # every driver fails in its own way
        if required:
            raise UserError(f"OpenGL does not start here ({error}); use backend='software'") from error
        return None


class GlPainter:
    """Draws like ``scene.draw``. Not safe to use from several threads."""

    def __init__(self, moderngl: Any, width: int, height: int) -> None:
        try:
            self.context = moderngl.create_standalone_context(backend="egl")
        except Exception:
            self.context = moderngl.create_standalone_context()
        self.moderngl, self.size = moderngl, (width, height)
        context = self.context
        samples = min(SAMPLES, context.max_samples)
        self.target = context.framebuffer(
            [context.renderbuffer(self.size, 4, samples=samples)],
            context.depth_renderbuffer(self.size, samples=samples),
        )
        self.plain = context.framebuffer([context.renderbuffer(self.size, 4)])
        self.program = context.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
        self.body: Body | None = None
        self.buffer: Any = None
        self.mesh: Any = None
        context.enable(moderngl.DEPTH_TEST | moderngl.CULL_FACE)

    def draw(self, studio: Studio, body: Body, points: np.ndarray) -> np.ndarray:
        """One frame, [H, W, 3] uint8; see ``scene.draw``."""
        if body is not self.body:
            self.body = body
            self.buffer = self.context.buffer(reserve=len(body) * 24, dynamic=True)
            index = self.context.buffer(np.ascontiguousarray(body.triangles, np.int32).tobytes())
            self.mesh = self.context.vertex_array(
                self.program, [(self.buffer, "3f 3f", "place", "colour")], index_buffer=index
            )
        normals = vertex_normals(points[None], body.triangles)[0]
        screen = studio.camera.project(points, studio.width, studio.height)
        data = np.empty((len(body), 6), np.float32)
        data[:, 0] = screen[:, 0] / studio.width * 2 - 1
        data[:, 1] = 1 - screen[:, 1] / studio.height * 2
        data[:, 2] = screen[:, 2]
        data[:, 3:] = light_vertices(body, points, normals, studio.camera)
        self.buffer.write(data.tobytes())
        near = max(0.05, float(screen[:, 2].min()) * 0.9)
        self.program["span"].value = (near, float(screen[:, 2].max()) * 1.1)
        self.target.use()
        self.target.clear(0, 0, 0, 0)
        self.mesh.render(self.moderngl.TRIANGLES)
        self.context.copy_framebuffer(self.plain, self.target)
        layer = np.frombuffer(self.plain.read(components=4), np.uint8)
        layer = layer.reshape(studio.height, studio.width, 4)[::-1]
        picture = studio.background(points)
        rows = np.flatnonzero(layer[..., 3].any(1))
        if len(rows):
            part = slice(rows[0], rows[-1] + 1)
            behind = (255 - layer[part, :, 3:]).astype(np.uint16)
            behind = (picture[part] * behind + 127) // 255
            picture[part] = layer[part, :, :3] + behind.astype(np.uint8)
        return picture
