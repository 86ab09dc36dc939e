// The cameras this person may see: one source of state. Listeners hear "changed" and read the truth here.

export class Cameras extends EventTarget {
  #list = [];

  constructor(items) {
    super();
    this.replace(items);
  }

  get all() {
    return this.#list;
  }

  /** By number or slug. */
  find(key) {
    return this.#list.find((camera) => camera.id === key || camera.slug === key) ?? null;
  }

  /** The list itself changed. What is known of a camera's moment survives. */
  replace(items) {
    const recordings = new Map(this.#list.map(({ id, recording }) => [id, recording]));
    this.#list = items.map((item) => ({ ...item, recording: recordings.get(item.id), statusAt: performance.now() }));
    this.dispatchEvent(new Event("list"));
  }

  update(key, changes) {
    const camera = this.find(key);
    if (!camera) return;
    Object.assign(camera, changes);
    this.#tell(camera);
  }

  applyStatus(status) {
    this.update(status.camera, { status, statusAt: performance.now() });
  }

  applyPosition({ camera: key, x, y, light }) {
    const camera = this.find(key);
    if (!camera) return;
    camera.status.pose = { x, y };
    if (light !== undefined && light !== null) camera.status.light = light;
    this.#tell(camera);
  }

  #tell(camera) {
    this.dispatchEvent(new CustomEvent("changed", { detail: camera }));
  }
}
