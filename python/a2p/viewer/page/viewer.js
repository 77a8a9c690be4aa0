// Shows the newest frame: the picture with keypoints, and the meshes in WebGL. Lengths in metres, camera frame
// (x right, y down, z forward).
"use strict";

const element = (id) => document.getElementById(id);
const FINGERS = [[0, 1, 2, 3, 4], [0, 5, 6, 7, 8], [0, 9, 10, 11, 12], [0, 13, 14, 15, 16], [0, 17, 18, 19, 20], [5, 9, 13, 17]];
const css = (colour) => `rgb(${colour.map((c) => Math.round(255 * c)).join(" ")})`;

// ---- What is known of the newest frame

let frame = null; // the message, with `image` loaded
const faces = {}; // by handedness: Uint32Array
const view = { yaw: 0.4, pitch: 0.2, distance: 0.5, target: [0, 0, 0.5], isPlaced: false };

function floats(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

async function facesOf(handedness) {
  if (!faces[handedness]) {
    const answer = await fetch(`faces/${handedness}`);
    if (!answer.ok) throw new Error(`no faces of the ${handedness} hand: ${answer.status}`);
    faces[handedness] = new Uint32Array(await answer.arrayBuffer());
  }
  return faces[handedness];
}

async function receive(message) {
  const image = new Image();
  image.src = message.picture;
  await image.decode();
  for (const hand of message.hands) {
    hand.vertices = floats(hand.vertices);
    hand.faces = await facesOf(hand.handedness);
    hand.normals = normals(hand.vertices, hand.faces);
  }
  frame = { ...message, image };
  follow(message.hands);
  tell(message);
  draw();
}

// One frame at a time; of those that come meanwhile the newest is next.
let waiting = null, isBusy = false;
async function show(data) {
  waiting = data;
  if (isBusy) return;
  isBusy = true;
  while (waiting !== null) {
    const next = waiting;
    waiting = null;
    try { await receive(JSON.parse(next)); } catch (error) { element("state").textContent = String(error); }
  }
  isBusy = false;
}

function tell(message) {
  element("title").textContent = message.title;
  document.title = `${message.title} – a2p`;
  element("hands").replaceChildren(...message.hands.map((hand) => {
    const line = document.createElement("span");
    const dot = document.createElement("span");
    dot.className = "dot";
    dot.style.background = css(hand.colour);
    const track = hand.track_id === null ? "" : ` #${hand.track_id}`;
    line.append(dot, `${hand.handedness}${track}, confidence ${hand.confidence.toFixed(2)}   `);
    return line;
  }));
  const both = message.hands.length > 1 ? `, penetration ${message.penetration_mm.toFixed(1)} mm` : "";
  element("state").textContent =
    `frame ${message.frame_id}: ${message.hands.length || "no"} hands${both}, ${Math.round(message.duration_ms)} ms`;
  element("warnings").textContent = message.warnings.join(" ");
}

// ---- Geometry

function normals(vertices, triangles) {
  const sums = new Float32Array(vertices.length);
  for (let f = 0; f < triangles.length; f += 3) {
    const [a, b, c] = [3 * triangles[f], 3 * triangles[f + 1], 3 * triangles[f + 2]];
    const u = [0, 1, 2].map((k) => vertices[b + k] - vertices[a + k]);
    const v = [0, 1, 2].map((k) => vertices[c + k] - vertices[a + k]);
    const n = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    for (const corner of [a, b, c]) for (let k = 0; k < 3; k++) sums[corner + k] += n[k];
  }
  return sums; // the shader makes them unit vectors
}

// The view goes along with the hands, slowly, so that it does not tremble with them.
function follow(hands) {
  if (!hands.length) return;
  const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
  for (const hand of hands) {
    for (let i = 0; i < hand.vertices.length; i++) {
      low[i % 3] = Math.min(low[i % 3], hand.vertices[i]);
      high[i % 3] = Math.max(high[i % 3], hand.vertices[i]);
    }
  }
  const centre = low.map((value, k) => 0.5 * (value + high[k]));
  const share = view.isPlaced ? 0.1 : 1;
  view.target = view.target.map((value, k) => value + share * (centre[k] - value));
  if (!view.isPlaced) view.distance = 1.3 * Math.hypot(...high.map((value, k) => value - low[k]));
  view.isPlaced = true;
}

// ---- Drawing

function fit(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  return [width, height];
}

function drawPicture() {
  const canvas = element("picture"), pen = canvas.getContext("2d");
  const [width, height] = fit(canvas);
  pen.clearRect(0, 0, width, height);
  const scale = Math.min(width / frame.width_px, height / frame.height_px);
  const [left, top] = [0.5 * (width - scale * frame.width_px), 0.5 * (height - scale * frame.height_px)];
  pen.drawImage(frame.image, left, top, scale * frame.width_px, scale * frame.height_px);
  const place = ([x, y]) => [left + scale * (x + 0.5), top + scale * (y + 0.5)];
  for (const hand of frame.hands) {
    for (const [style, thickness] of [["rgb(0 0 0 / 0.5)", 5], [css(hand.colour), 2.5]]) {
      pen.strokeStyle = style;
      pen.lineWidth = thickness * (window.devicePixelRatio || 1);
      pen.lineJoin = pen.lineCap = "round";
      for (const finger of FINGERS) {
        pen.beginPath();
        for (const index of finger) pen.lineTo(...place(hand.keypoints_px[index]));
        pen.stroke();
      }
    }
  }
}

const VERTEX_SHADER = `#version 300 es
  in vec3 position, normal;
  uniform mat3 rotation;
  uniform vec3 target;
  uniform vec2 focal;
  uniform float distance;
  out vec3 seenNormal, seen;
  void main() {
    vec3 turned = vec3(1, -1, -1);  // to y up, z towards the eye
    seen = rotation * (turned * (position - target)) - vec3(0, 0, distance);
    seenNormal = rotation * (turned * normal);
    float near = 0.02, far = 10.0;
    gl_Position = vec4(focal * seen.xy, (seen.z * (near + far) + 2.0 * near * far) / (near - far), -seen.z);
  }`;
const FRAGMENT_SHADER = `#version 300 es
  precision highp float;
  in vec3 seenNormal, seen;
  uniform vec3 colour;
  out vec4 result;
  void main() {
    vec3 n = normalize(seenNormal), eye = normalize(-seen);
    float key = max(dot(n, normalize(vec3(0.4, 0.8, 0.6))), 0.0);
    float fill = max(dot(n, eye), 0.0);
    float rim = pow(1.0 - fill, 3.0);
    vec3 light = pow(colour, vec3(2.2)) * (0.08 + 0.65 * key + 0.3 * fill * fill) + 0.08 * rim;
    result = vec4(pow(light, vec3(1.0 / 2.2)), 1);
  }`;

function compiled(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX_SHADER], [gl.FRAGMENT_SHADER, FRAGMENT_SHADER]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
  return program;
}

let space = null; // the context, its program and its buffers

function prepareSpace() {
  const gl = element("space").getContext("webgl2", { antialias: true });
  if (!gl) throw new Error("this browser has no WebGL 2, which the 3D view needs");
  const program = compiled(gl);
  gl.useProgram(program);
  gl.enable(gl.DEPTH_TEST);
  space = { gl, program, buffers: { position: gl.createBuffer(), normal: gl.createBuffer(), faces: gl.createBuffer() } };
}

function turning() {
  const [cy, sy, cp, sp] = [Math.cos(view.yaw), Math.sin(view.yaw), Math.cos(view.pitch), Math.sin(view.pitch)];
  return [cy, sy * sp, -sy * cp, 0, cp, sp, sy, -cy * sp, cy * cp]; // columns of pitch after yaw
}

function drawSpace() {
  const { gl, program, buffers } = space;
  const [width, height] = fit(element("space"));
  const uniform = (name) => gl.getUniformLocation(program, name);
  gl.viewport(0, 0, width, height);
  gl.clearColor(0, 0, 0, 0);
  gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  gl.uniformMatrix3fv(uniform("rotation"), false, turning());
  gl.uniform3fv(uniform("target"), view.target);
  gl.uniform1f(uniform("distance"), view.distance);
  const focal = (2.0 * Math.min(width, height)) / height;
  gl.uniform2f(uniform("focal"), (focal * height) / width, focal);
  for (const hand of frame.hands) {
    for (const [name, data] of [["position", hand.vertices], ["normal", hand.normals]]) {
      const place = gl.getAttribLocation(program, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name]);
      gl.bufferData(gl.ARRAY_BUFFER, data, gl.STREAM_DRAW);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 0, 0);
    }
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffers.faces);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, hand.faces, gl.STREAM_DRAW);
    gl.uniform3fv(uniform("colour"), hand.colour);
    gl.drawElements(gl.TRIANGLES, hand.faces.length, gl.UNSIGNED_INT, 0);
  }
}

let isDue = false;
function draw() {
  if (isDue || !frame) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    drawPicture();
    drawSpace();
  });
}

// ---- What the user does

function turn(yaw, pitch) {
  view.yaw += yaw;
  view.pitch = Math.min(Math.max(view.pitch + pitch, -1.55), 1.55);
  draw();
}

function listen() {
  const canvas = element("space");
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) turn(0.008 * event.movementX, 0.008 * event.movementY);
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    view.distance = Math.min(Math.max(view.distance * Math.exp(0.001 * event.deltaY), 0.08), 5);
    draw();
  }, { passive: false });
  canvas.addEventListener("dblclick", () => { view.isPlaced = false; if (frame) { follow(frame.hands); draw(); } });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
    if (step) { event.preventDefault(); turn(...step); }
  });
  for (const button of document.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      [view.yaw, view.pitch] = [Number(button.dataset.yaw), Number(button.dataset.pitch)];
      draw();
    });
  }
  window.addEventListener("resize", draw);
}

function start() {
  prepareSpace();
  listen();
  const source = new EventSource("frames");
  source.onmessage = (event) => show(event.data);
  source.addEventListener("end", () => {
    source.close();
    element("warnings").textContent = "a2p view has ended";
  });
  source.onerror = () => { element("warnings").textContent = "a2p view does not answer"; };
}

try { start(); } catch (error) { element("state").textContent = String(error); }
