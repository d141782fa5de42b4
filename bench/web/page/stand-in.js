// A WebSocket without a network, so that what a client itself takes can be seen.
export class StandIn extends EventTarget {
  static last;

  readyState = 0;
  bufferedAmount = 0;
  binaryType = "blob";
  onopen = null;
  onmessage = null;
  onclose = null;
  onerror = null;
  sent = 0;

  constructor(url) {
    super();
    this.url = url;
    StandIn.last = this;
    setTimeout(() => {
      this.readyState = 1;
      this.onopen?.({});
      this.receive('0{"sid":"AAAAAAAAAAAAAAAAAAAA","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}');
    });
  }

  receive(data) {
    this.onmessage?.({ data });
  }

  send(text) {
    this.sent++;
    const root = /^40(\{|$)/.test(text);
    const other = /^40(\/[^,]*,)/.exec(text);
    const event = /^42(\d+)\["[^"]*",/.exec(text);
    if (root) setTimeout(() => this.receive('40{"sid":"BBBBBBBBBBBBBBBBBBBB"}'));
    else if (other !== null) setTimeout(() => this.receive(`44${other[1]}{"message":"Invalid namespace"}`));
    else if (event !== null) queueMicrotask(() => this.receive(`43${event[1]}[${text.slice(event[0].length)}`));
  }

  close() {
    this.readyState = 3;
  }
}

// At once: socket.io-client looks for the constructor when it is loaded.
globalThis.WebSocket = StandIn;
