// A sheet that can be zoomed and moved, with mouse, fingers and keys.

const MOST = 16;
const MARGIN = 20; // pixels around a picture that is seen whole, where there is room

export class View {
  /**
   * @param {HTMLElement} port what one sees through
   * @param {HTMLElement} sheet what is moved; its size in CSS pixels is that of the picture
   * @param {() => void} moved called after every change
   */
  constructor(port, sheet, moved = () => {}) {
    Object.assign(this, { port, sheet, moved, width: 1, height: 1, zoom: 1, x: 0, y: 0, pinch: null });
    this.fingers = new Map();
    port.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = port.getBoundingClientRect();
      this.zoomBy(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0018)), event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    new ResizeObserver(() => this.place()).observe(port);
  }

  /** The size of the picture. */
  size(width, height) {
    if (width === this.width && height === this.height) return;
    Object.assign(this, { width, height });
    this.sheet.style.width = `${width}px`;
    this.sheet.style.height = `${height}px`;
    this.fit();
  }

  /** Scale at which the whole picture is seen. */
  get fitting() {
    const { clientWidth, clientHeight } = this.port;
    const margin = Math.min(clientWidth, clientHeight) > 360 ? 2 * MARGIN : 0;
    return Math.min((clientWidth - margin) / this.width, (clientHeight - margin) / this.height) || 1;
  }

  get scale() {
    return this.fitting * this.zoom;
  }

  fit() {
    Object.assign(this, { zoom: 1, x: 0, y: 0 });
    this.place();
  }

  zoomBy(factor, px = this.port.clientWidth / 2, py = this.port.clientHeight / 2) {
    const before = this.scale;
    this.zoom = Math.min(Math.max(this.zoom * factor, 1), MOST);
    const ratio = this.scale / before;
    const cx = px - this.port.clientWidth / 2, cy = py - this.port.clientHeight / 2;
    this.x = cx - (cx - this.x) * ratio;
    this.y = cy - (cy - this.y) * ratio;
    this.place();
  }

  move(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.place();
  }

  place() {
    const { clientWidth, clientHeight } = this.port, scale = this.scale;
    const limitX = Math.max((this.width * scale - clientWidth) / 2, 0);
    const limitY = Math.max((this.height * scale - clientHeight) / 2, 0);
    this.x = Math.min(Math.max(this.x, -limitX), limitX);
    this.y = Math.min(Math.max(this.y, -limitY), limitY);
    this.left = (clientWidth - this.width * scale) / 2 + this.x;
    this.top = (clientHeight - this.height * scale) / 2 + this.y;
    this.sheet.style.transform = `translate(${this.left}px, ${this.top}px) scale(${scale})`;
    this.port.classList.toggle("zoomed", this.zoom > 1.001);
    this.moved();
  }

  /** Where on the picture a pointer is, in its pixels. */
  point(event) {
    const box = this.port.getBoundingClientRect();
    return [(event.clientX - box.left - this.left) / this.scale, (event.clientY - box.top - this.top) / this.scale];
  }

  /** Note a finger; true while two of them zoom and move. */
  touch(event) {
    if (event.pointerType !== "touch") return false;
    if (event.type === "pointerdown" || this.fingers.has(event.pointerId)) {
      if (event.type === "pointerup" || event.type === "pointercancel") this.fingers.delete(event.pointerId);
      else this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    }
    if (this.fingers.size !== 2) {
      const was = this.pinch !== null;
      if (this.fingers.size === 0) this.pinch = null;
      return was;
    }
    const [[ax, ay], [bx, by]] = this.fingers.values();
    const box = this.port.getBoundingClientRect();
    const now = { far: Math.hypot(ax - bx, ay - by), x: (ax + bx) / 2 - box.left, y: (ay + by) / 2 - box.top };
    if (this.pinch) {
      this.move(now.x - this.pinch.x, now.y - this.pinch.y);
      this.zoomBy(now.far / this.pinch.far, now.x, now.y);
    }
    this.pinch = now;
    return true;
  }

  /** Zoom or move by a key; whether it was one for that. */
  key(event) {
    const far = 60;
    const moves = { ArrowLeft: [far, 0], ArrowRight: [-far, 0], ArrowUp: [0, far], ArrowDown: [0, -far] };
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (event.key === "+" || event.key === "=") this.zoomBy(1.4);
    else if (event.key === "-") this.zoomBy(1 / 1.4);
    else if (event.key === "0") this.fit();
    else if (event.shiftKey && moves[event.key]) this.move(...moves[event.key]);
    else return false;
    event.preventDefault();
    return true;
  }
}
