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

  /** The list itself changed. What is known of a camera's moment survives if it was heard after the list was `asked` for. */
  replace(items, asked = performance.now()) {
    this.#list = items.map((item) => {
      const { recording, control, status, statusAt, heardAt } = this.find(item.id) ?? {};
      const news = heardAt >= asked ? { status, control: control ?? item.control, statusAt, heardAt } : { statusAt: performance.now() };
      return { ...item, recording, ...news };
    });
    this.dispatchEvent(new Event("list"));
  }

  update(key, changes) {
    const camera = this.find(key);
    if (!camera) return;
    Object.assign(camera, changes);
    if (changes.status || changes.control) camera.heardAt = performance.now();
    this.#tell(camera);
  }

  applyStatus(status) {
    this.update(status.camera, { status, statusAt: performance.now() });
  }

  applyPosition({ camera: key, x, y, light }) {
    const camera = this.find(key);
    if (!camera) return;
    camera.status.pose = { x, y };
    camera.heardAt = performance.now();
    if (light !== undefined && light !== null) camera.status.light = light;
    this.#tell(camera);
  }

  #tell(camera) {
    this.dispatchEvent(new CustomEvent("changed", { detail: camera }));
  }
}
