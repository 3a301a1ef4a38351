// The part of an image that counts: a box that is drawn, moved and resized by pointer, or by sliders of its four edges.

import { setSource } from "../key.js";
import { t } from "../messages.js";
import { make } from "../view.js";

const SMALLEST = 0.05; // side of a box, as a share of the image's
const STEP = 0.02;
const EDGES = ["left", "top", "right", "bottom"];
const LABELS = ["edge_left", "edge_top", "edge_right", "edge_bottom"];
const WHOLE = [0, 0, 1, 1];

const within = (value, least, most) => Math.min(Math.max(value, least), most);

/** Returns a stage for the image at `url` with its box: {element, box: () => the box or null for the whole, reset, onchange}. */
export function cropper({ url, name, box: initial }) {
  let box = [...(initial ?? WHOLE)];
  const frame = make("div", { className: "box", ariaHidden: "true" },
    ...["nw", "ne", "sw", "se"].map((corner) => make("span", { className: `corner ${corner}` })),
    ...["n", "e", "s", "w"].map((edge) => make("span", { className: `edge ${edge}` })));
  const sliders = EDGES.map((edge, at) => make("input", {
    type: "range", min: 0, max: 100, step: STEP * 100, className: "unseen", ariaLabel: t(LABELS[at]),
    on: {
      input: () => { set(box.with(at, Number(sliders[at].value) / 100), at); },
      focus: () => { frame.dataset.edge = edge; },
      blur: () => { delete frame.dataset.edge; },
    },
  }));
  const image = setSource(make("img", { alt: name, draggable: false, on: { load: () => stage.style.setProperty("--ratio", image.naturalWidth / image.naturalHeight) } }), url);
  const shade = make("div", { className: "shade", ariaHidden: "true" });
  const stage = make("div", { className: "stage" }, image, shade, frame, ...sliders);
  const crop = { element: stage, box: () => (box.every((edge, at) => edge === WHOLE[at]) ? null : box), reset: () => set([...WHOLE]), onchange: () => {} };

  /** Sets the box; if edge `moved` comes too near to its opposite, it stops there. */
  function set(changed, moved = -1) {
    const next = changed.map((edge) => within(edge, 0, 1));
    if (moved >= 0) {
      const isNear = moved < 2;
      const opposite = next[(moved + 2) % 4];
      next[moved] = isNear ? Math.min(next[moved], opposite - SMALLEST) : Math.max(next[moved], opposite + SMALLEST);
    }
    box = next.map((edge) => Math.round(edge * 1000) / 1000);
    draw();
    crop.onchange();
  }

  function draw() {
    const [left, top, right, bottom] = box.map((edge) => `${edge * 100}%`);
    Object.assign(frame.style, { left, top, width: `${(box[2] - box[0]) * 100}%`, height: `${(box[3] - box[1]) * 100}%` });
    const hole = `${left} ${top}, ${left} ${bottom}, ${right} ${bottom}, ${right} ${top}, ${left} ${top}`;
    shade.style.clipPath = `polygon(evenodd, 0 0, 100% 0, 100% 100%, 0 100%, 0 0, ${hole})`;
    frame.classList.toggle("whole", crop.box() === null);
    sliders.forEach((slider, at) => {
      slider.value = String(box[at] * 100);
      slider.setAttribute("aria-valuetext", `${Math.round(box[at] * 100)} %`);
    });
  }

  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.matches("input")) return;
    event.preventDefault();
    stage.setPointerCapture(event.pointerId);
    const start = point(event);
    const before = [...box];
    const held = event.target.classList;
    const sides = handle(held);
    const moves = sides.length === 0 && held.contains("box") && crop.box() !== null;
    const drag = (moving) => {
      const [x, y] = point(moving);
      if (moves) set(moved(before, x - start[0], y - start[1]));
      else if (sides.length) for (const at of sides) set(box.with(at, at % 2 === 0 ? x : y), at);
      else if (Math.hypot(x - start[0], y - start[1]) > SMALLEST / 2) set(spanned(start, [x, y]));
    };
    const end = () => {
      stage.removeEventListener("pointermove", drag);
      for (const name of ["pointerup", "pointercancel"]) stage.removeEventListener(name, end);
    };
    stage.addEventListener("pointermove", drag);
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, end);
  });

  /** Returns where a pointer is, as shares of the image. */
  function point(event) {
    const { left, top, width, height } = image.getBoundingClientRect();
    return [within((event.clientX - left) / width, 0, 1), within((event.clientY - top) / height, 0, 1)];
  }

  draw();
  return crop;
}

/** Returns the numbers of the edges that a handle moves. */
function handle(classes) {
  const name = ["nw", "ne", "sw", "se", "n", "e", "s", "w"].find((one) => classes.contains(one)) ?? "";
  return [...name].map((letter) => "wnes".indexOf(letter));
}

/** Returns the box moved by (x, y), as far as the image goes. */
function moved([left, top, right, bottom], x, y) {
  const [across, down] = [within(x, -left, 1 - right), within(y, -top, 1 - bottom)];
  return [left + across, top + down, right + across, bottom + down];
}

/** Returns the box between two corners, at least as large as the smallest. */
function spanned([x, y], [toX, toY]) {
  const side = (from, to) => {
    const [least, most] = [Math.min(from, to), Math.max(from, to)];
    const start = within(least, 0, 1 - SMALLEST);
    return [start, Math.max(most, start + SMALLEST)];
  };
  const [left, right] = side(x, toX);
  const [top, bottom] = side(y, toY);
  return [left, top, right, bottom];
}
