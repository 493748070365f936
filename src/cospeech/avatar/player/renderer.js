// WebGL2 drawing: shadow map, contact shadow, studio, body. Knows nothing of time or of the page.
import { add, lookAt, multiply, normalize, orthographic, scale } from "./math.js";

const CONTACT = { size: 256, metres: 2.6 };
const FLOOR_RADIUS = 3.4;
// Towards the lights as (right, up, towards the viewer): those of avatar/light.py.
const LIGHTS = {
  keyDirection: [-0.55, 0.62, 0.66],
  fillDirection: [0.85, 0.1, 0.52],
  rimRight: [0.75, 0.45, -0.62],
  rimLeft: [-0.8, 0.3, -0.6],
};
const ATTRIBUTES = [
  "position", "normal", "colour", "surface", "jointsA", "jointsB", "weightsA", "weightsB", "uv", "picture",
];

export class Renderer {
  /**
   * Throws when the browser has no WebGL2.
   * @param shaders file name -> GLSL
   * @param pictures decoded textures of one size, none of our own person
   */
  constructor(canvas, shaders, body, jointCount, pictures = []) {
    const gl = canvas.getContext("webgl2", { antialias: true, alpha: false, powerPreference: "high-performance" });
    if (!gl) throw new Error("no WebGL2");
    Object.assign(this, { gl, canvas, body });
    this.shadow = { size: 0, taps: 16 };
    const textured = pictures.length ? "#define TEXTURED\n" : "";
    const head = `#version 300 es\n${textured}precision highp float;\nprecision highp int;\n`;
    const program = (vertex, fragment, parts = [], captured = []) =>
      makeProgram(gl, `${head}#define JOINTS ${jointCount}\n${shaders[vertex]}`,
        head + parts.map((part) => shaders[part]).join("\n") + shaders[fragment], captured);
    this.programs = {
      skin: program("skin.vert.glsl", "depth.frag.glsl", [], ["posedPosition", "posedNormal"]),
      body: program("body.vert.glsl", "body.frag.glsl", ["light.glsl"]),
      depth: program("plain.vert.glsl", "depth.frag.glsl"),
      contact: program("plain.vert.glsl", "contact.frag.glsl"),
      blur: program("screen.vert.glsl", "blur.frag.glsl"),
      backdrop: program("screen.vert.glsl", "backdrop.frag.glsl", ["light.glsl", "studio.glsl"]),
      floor: program("floor.vert.glsl", "floor.frag.glsl", ["light.glsl", "studio.glsl"]),
    };
    this._makeMesh();
    if (pictures.length) this._makePictures(pictures);
    this._makeTargets();
    this.empty = gl.createVertexArray();
    this.joints = gl.createBuffer();
    gl.bindBuffer(gl.UNIFORM_BUFFER, this.joints);
    gl.bufferData(gl.UNIFORM_BUFFER, jointCount * 48, gl.DYNAMIC_DRAW);
    gl.bindBufferBase(gl.UNIFORM_BUFFER, 0, this.joints);
  }

  _makeMesh() {
    const { gl, body } = this;
    const buffer = (data, usage = gl.STATIC_DRAW) => {
      const made = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, made);
      gl.bufferData(gl.ARRAY_BUFFER, data, usage);
      return made;
    };
    const attribute = (name, size, type, { normalized = false, stride = 0, offset = 0, integer = false } = {}) => {
      const at = ATTRIBUTES.indexOf(name);
      gl.enableVertexAttribArray(at);
      if (integer) gl.vertexAttribIPointer(at, size, type, stride, offset);
      else gl.vertexAttribPointer(at, size, type, normalized, stride, offset);
    };

    // What is skinned: the body at rest with its face.
    this.resting = gl.createVertexArray();
    gl.bindVertexArray(this.resting);
    this.positions = buffer(body.rest, gl.DYNAMIC_DRAW);
    attribute("position", 3, gl.FLOAT);
    this.normals = buffer(body.restNormals, gl.DYNAMIC_DRAW);
    attribute("normal", 3, gl.FLOAT);
    const stride = body.influences;
    buffer(body.joints);
    attribute("jointsA", 4, gl.UNSIGNED_BYTE, { integer: true, stride });
    attribute("jointsB", 4, gl.UNSIGNED_BYTE, { integer: true, stride, offset: 4 });
    buffer(body.weights);
    attribute("weightsA", 4, gl.UNSIGNED_BYTE, { normalized: true, stride });
    attribute("weightsB", 4, gl.UNSIGNED_BYTE, { normalized: true, stride, offset: 4 });

    // What is drawn: the posed body.
    this.mesh = gl.createVertexArray();
    gl.bindVertexArray(this.mesh);
    this.count = body.rest.length / 3;
    const posed = buffer(24 * this.count, gl.DYNAMIC_COPY);
    attribute("position", 3, gl.FLOAT, { stride: 24 });
    attribute("normal", 3, gl.FLOAT, { stride: 24, offset: 12 });
    buffer(Uint16Array.from(body.colours, toLinear));
    attribute("colour", 3, gl.UNSIGNED_SHORT, { normalized: true });
    buffer(body.surface);
    attribute("surface", 3, gl.UNSIGNED_BYTE, { normalized: true });
    if (body.uv) {
      buffer(body.uv);
      attribute("uv", 2, gl.FLOAT);
      buffer(body.picture);
      attribute("picture", 2, gl.FLOAT);
    }
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, body.triangles, gl.STATIC_DRAW);
    gl.bindVertexArray(null);
    gl.bindBuffer(gl.ARRAY_BUFFER, null); // a buffer that captures may be bound to nothing else
    this.capture = gl.createTransformFeedback();
    gl.bindTransformFeedback(gl.TRANSFORM_FEEDBACK, this.capture);
    gl.bindBufferBase(gl.TRANSFORM_FEEDBACK_BUFFER, 0, posed);
    gl.bindTransformFeedback(gl.TRANSFORM_FEEDBACK, null);
  }

  /** All textures as layers of one, so that the body stays one draw call. */
  _makePictures(pictures) {
    const { gl } = this;
    const size = pictures[0].width;
    this.pictures = gl.createTexture();
    gl.activeTexture(gl.TEXTURE2);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.pictures);
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, Math.floor(Math.log2(size)) + 1, gl.SRGB8_ALPHA8, size, size, pictures.length);
    pictures.forEach((picture, layer) => {
      gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, 0, 0, layer, size, size, 1, gl.RGBA, gl.UNSIGNED_BYTE, picture);
    });
    gl.generateMipmap(gl.TEXTURE_2D_ARRAY);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    const sharp = gl.getExtension("EXT_texture_filter_anisotropic");
    if (sharp) gl.texParameterf(gl.TEXTURE_2D_ARRAY, sharp.TEXTURE_MAX_ANISOTROPY_EXT, 4);
    gl.activeTexture(gl.TEXTURE0);
  }

  /** Pose the body: rest -> world, into the buffer that all passes draw. */
  _skin(skinning, faceChanged) {
    const { gl, body } = this;
    if (faceChanged && body.faceVertices) {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.positions);
      gl.bufferSubData(gl.ARRAY_BUFFER, 0, body.shape);
      gl.bindBuffer(gl.ARRAY_BUFFER, this.normals);
      gl.bufferSubData(gl.ARRAY_BUFFER, 0, body.shapeNormals);
      gl.bindBuffer(gl.ARRAY_BUFFER, null);
    }
    gl.bindBuffer(gl.UNIFORM_BUFFER, this.joints);
    gl.bufferSubData(gl.UNIFORM_BUFFER, 0, skinning);
    this.programs.skin.use({});
    gl.bindVertexArray(this.resting);
    gl.enable(gl.RASTERIZER_DISCARD);
    gl.bindTransformFeedback(gl.TRANSFORM_FEEDBACK, this.capture);
    gl.beginTransformFeedback(gl.POINTS);
    gl.drawArrays(gl.POINTS, 0, this.count);
    gl.endTransformFeedback();
    gl.bindTransformFeedback(gl.TRANSFORM_FEEDBACK, null);
    gl.disable(gl.RASTERIZER_DISCARD);
  }

  _makeTargets() {
    const { gl } = this;
    this.contact = [0, 1].map(() => {
      const image = this._texture(CONTACT.size, gl.R8, gl.RED, gl.UNSIGNED_BYTE);
      return { texture: image, target: this._target(gl.COLOR_ATTACHMENT0, image) };
    });
    this._makeShadow(2048);
  }

  _makeShadow(size) {
    const { gl, shadow } = this;
    if (shadow.size === size) return;
    if (shadow.texture) {
      gl.deleteFramebuffer(shadow.target);
      gl.deleteTexture(shadow.texture);
    }
    const texture = this._texture(size, gl.DEPTH_COMPONENT24, gl.DEPTH_COMPONENT, gl.UNSIGNED_INT);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_COMPARE_MODE, gl.COMPARE_REF_TO_TEXTURE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_COMPARE_FUNC, gl.LEQUAL);
    Object.assign(shadow, { size, texture, target: this._target(gl.DEPTH_ATTACHMENT, texture) });
  }

  _texture(size, internal, format, type) {
    const { gl } = this;
    const made = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, made);
    gl.texImage2D(gl.TEXTURE_2D, 0, internal, size, size, 0, format, type, null);
    for (const key of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, key, gl.LINEAR);
    for (const key of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, key, gl.CLAMP_TO_EDGE);
    return made;
  }

  _target(attachment, image) {
    const { gl } = this;
    const made = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, made);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, attachment, gl.TEXTURE_2D, image, 0);
    if (attachment === gl.DEPTH_ATTACHMENT) gl.drawBuffers([gl.NONE]);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    return made;
  }

  /** Lower the cost of a frame on slow machines: 0 is full quality, 3 the least. */
  setQuality(level) {
    this.shadow.taps = [16, 10, 6, 4][level];
    this._makeShadow([2048, 2048, 1024, 512][level]);
  }

  /** Whether a processor does the work of a graphics card: then every pixel counts. */
  get software() {
    const { gl } = this;
    const info = gl.getExtension("WEBGL_debug_renderer_info");
    return Boolean(info) && /swiftshader|llvmpipe|software|basic render/i.test(gl.getParameter(info.UNMASKED_RENDERER_WEBGL));
  }

  /**
   * Draw one frame.
   * @param skinning [joints * 12] rows of rest -> posed
   * @param faceChanged whether body.shape was rewritten
   * @param scene {centre: [x, y, z] of the body, floor: height, yaw of the camera}
   */
  draw(camera, skinning, faceChanged, scene) {
    const { gl } = this;
    if (gl.isContextLost()) return;
    this._skin(skinning, faceChanged);
    const { eye, viewProjection } = camera;
    const lights = turned(scene.yaw);
    const light = this._lightProjection(scene, lights.keyDirection);
    this._drawShadow(light);
    this._drawContact(scene);

    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clear(gl.DEPTH_BUFFER_BIT);
    gl.disable(gl.DEPTH_TEST);
    const view = [this.canvas.width, this.canvas.height];
    const texel = 1 / 2048; // softness is a length on the body, whatever the map's size
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.shadow.texture);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, this.contact[0].texture);

    gl.bindVertexArray(this.empty);
    this.programs.backdrop.use({});
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    const shadow = { shadowMap: 0, shadowTexel: texel, shadowTaps: this.shadow.taps };
    this.programs.floor.use({
      viewProjection, lightProjection: light, eye, ...shadow, viewport: view,
      centre: scene.centre, floorHeight: scene.floor, radius: FLOOR_RADIUS, contact: 1, contactSize: CONTACT.metres,
    });
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);

    gl.enable(gl.DEPTH_TEST);
    this.programs.body.use({ viewProjection, lightProjection: light, eye, ...shadow, ...lights, pictures: 2 });
    this._drawMesh();
  }

  _drawMesh() {
    const { gl, body } = this;
    gl.bindVertexArray(this.mesh);
    gl.enable(gl.CULL_FACE); // cloth has an inside of its own
    gl.drawElements(gl.TRIANGLES, body.triangles.length, gl.UNSIGNED_INT, 0);
    gl.disable(gl.CULL_FACE);
  }

  /** The key light sees a box around the body, a little lower than its middle for the shadow on the floor. */
  _lightProjection({ centre, floor }, direction) {
    const middle = [centre[0], floor + 0.85, centre[2]];
    const view = lookAt(add(middle, scale(direction, 4)), middle, [0, 1, 0]);
    return multiply(orthographic(1.35, 1.35, 1.5, 7), view);
  }

  _drawShadow(light) {
    const { gl } = this;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.shadow.target);
    gl.viewport(0, 0, this.shadow.size, this.shadow.size);
    gl.enable(gl.DEPTH_TEST);
    gl.clear(gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.POLYGON_OFFSET_FILL);
    gl.polygonOffset(1.5, 3);
    this.programs.depth.use({ viewProjection: light });
    this._drawMesh();
    gl.disable(gl.POLYGON_OFFSET_FILL);
  }

  _drawContact({ centre, floor }) {
    const { gl } = this;
    const half = CONTACT.metres / 2;
    // From below, looking up; x to the right and z up on the texture.
    const view = lookAt([centre[0], floor - 1, centre[2]], [centre[0], floor, centre[2]], [0, 0, 1]);
    const mirror = orthographic(-half, half, 0, 1.5); // seen from below x runs the other way
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.contact[0].target);
    gl.viewport(0, 0, CONTACT.size, CONTACT.size);
    gl.disable(gl.DEPTH_TEST);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.blendEquation(gl.MAX);
    this.programs.contact.use({ viewProjection: multiply(mirror, view), floorHeight: floor });
    this._drawMesh();
    gl.disable(gl.BLEND);
    gl.bindVertexArray(this.empty);
    gl.activeTexture(gl.TEXTURE0);
    for (const [from, to, stride] of [[0, 1, [1, 0]], [1, 0, [0, 1]]]) {
      gl.bindFramebuffer(gl.FRAMEBUFFER, this.contact[to].target);
      gl.bindTexture(gl.TEXTURE_2D, this.contact[from].texture);
      this.programs.blur.use({ image: 0, stride: stride.map((s) => s / CONTACT.size) });
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
  }
}

/** sRGB byte -> linear light in 16 bits. */
function toLinear(value) {
  const c = value / 255;
  return Math.round(65535 * (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
}

/** The lights for a camera at this yaw: they turn with it, so that every view is lit as a portrait. */
function turned(yaw) {
  const [c, s] = [Math.cos(yaw), Math.sin(yaw)];
  const turn = ([x, y, z]) => normalize([x * c + z * s, y, z * c - x * s]);
  return Object.fromEntries(Object.entries(LIGHTS).map(([name, local]) => [name, turn(local)]));
}

/** Compile and link, with the outputs to capture if any; `use` sets uniforms by name with the setter their type calls for. */
function makeProgram(gl, vertex, fragment, captured) {
  const program = gl.createProgram();
  for (const [type, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
      throw new Error(gl.getShaderInfoLog(shader));
    }
  }
  ATTRIBUTES.forEach((name, i) => gl.bindAttribLocation(program, i, name));
  if (captured.length) gl.transformFeedbackVaryings(program, captured, gl.INTERLEAVED_ATTRIBS);
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(gl.getProgramInfoLog(program));
  }
  const block = gl.getUniformBlockIndex(program, "Joints");
  if (block !== gl.INVALID_INDEX) gl.uniformBlockBinding(program, block, 0);
  const setters = {
    [gl.FLOAT]: (at, x) => gl.uniform1f(at, x),
    [gl.INT]: (at, x) => gl.uniform1i(at, x),
    [gl.FLOAT_VEC2]: (at, x) => gl.uniform2fv(at, x),
    [gl.FLOAT_VEC3]: (at, x) => gl.uniform3fv(at, x),
    [gl.FLOAT_MAT4]: (at, x) => gl.uniformMatrix4fv(at, false, x),
    [gl.SAMPLER_2D]: (at, x) => gl.uniform1i(at, x),
    [gl.SAMPLER_2D_SHADOW]: (at, x) => gl.uniform1i(at, x),
    [gl.SAMPLER_2D_ARRAY]: (at, x) => gl.uniform1i(at, x),
  };
  const uniforms = {};
  for (let i = 0; i < gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS); i++) {
    const { name, type } = gl.getActiveUniform(program, i);
    const at = gl.getUniformLocation(program, name);
    if (at) uniforms[name] = (x) => setters[type](at, x);
  }
  return {
    use(values) {
      gl.useProgram(program);
      for (const [name, value] of Object.entries(values)) uniforms[name]?.(value);
    },
  };
}
