// The search runs in a worker, and browsers start none on a page that was opened from disk. There a
// hidden frame does the worker's work, so that the search needs no server either.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.addEventListener("load", () => this.begin());
      const script = document.createElement("script");
      script.src = url;
      this.frame.srcdoc = script.outerHTML;
      document.body.append(this.frame);
    }

    // The script has loaded and listens: its answers go to whoever listens to this worker.
    begin() {
      this.inside = this.frame.contentWindow;
      this.inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.waiting.forEach((data) => this.postMessage(data));
    }

    postMessage(data) {
      if (this.inside) {
        this.inside.dispatchEvent(new MessageEvent("message", { data }));
      } else {
        this.waiting.push(data);
      }
    }
  };
}
