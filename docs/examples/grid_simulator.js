// The linearised DistFlow as a mosaik simulator in JavaScript: node grid_simulator.js HOST:PORT
// mosaik's protocol is JSON over TCP, each message behind its length in four bytes: [kind, number, content],
// kind 0 a request [function, arguments, named arguments], 1 an answer, 2 a failure.
const net = require("net");

const attrs = ["p_mw", "q_mvar", "vm_pu", "slack_p_mw", "slack_q_mvar", "converged"];
const params = ["bus", "vn_kv", "island", "line_from", "line_to", "line_r_ohm", "line_x_ohm", "line_c_nf", "slack",
  "slack_vm_pu", "f_hz"];
const meta = { api_version: "3.0", type: "time-based", models: { Grid: { public: true, params, attrs } } };
let grid, result;

function create(num, model, feeder) {
  // From each slack bus outwards: the bus before each one, and the line between.
  const from = new Array(feeder.bus.length).fill(null);
  const order = [...feeder.slack];
  const seen = new Set(order);
  for (const bus of order) {
    feeder.line_from.forEach((a, line) => {
      const b = feeder.line_to[line];
      const next = a === bus ? b : b === bus ? a : null;
      if (next !== null && !seen.has(next)) {
        seen.add(next);
        from[next] = { bus, line };
        order.push(next);
      }
    });
  }
  grid = { ...feeder, from, order };
  return [{ eid: "Grid-0", type: "Grid" }];
}

function step(time, inputs) {
  const sum = (name) => Object.values(inputs["Grid-0"][name]).reduce((a, b) => a.map((x, k) => x + b[k]));
  const p = sum("p_mw"), q = sum("q_mvar");
  // Inwards: what flows through each line is what all buses behind it draw.
  for (const bus of [...grid.order].reverse()) {
    const way = grid.from[bus];
    if (way) { p[way.bus] += p[bus]; q[way.bus] += q[bus]; }
  }
  // Outwards: the voltage falls along each line.
  const vm = new Array(p.length);
  grid.slack.forEach((bus, k) => { vm[bus] = grid.slack_vm_pu[k]; });
  for (const bus of grid.order) {
    const way = grid.from[bus];
    if (way) {
      const { line } = way;
      vm[bus] = vm[way.bus] - (grid.line_r_ohm[line] * p[bus] + grid.line_x_ohm[line] * q[bus]) / grid.vn_kv[bus] ** 2;
    }
  }
  result = { vm_pu: vm, slack_p_mw: grid.slack.map((b) => p[b]), slack_q_mvar: grid.slack.map((b) => q[b]), converged: true };
  return time + 1;
}

const functions = {
  init: () => meta,
  create: ([num, model], named) => create(num, model, named),
  setup_done: () => null,
  step: ([time, inputs]) => step(time, inputs),
  get_data: ([outputs]) => ({ "Grid-0": Object.fromEntries(outputs["Grid-0"].map((name) => [name, result[name]])) }),
  stop: () => process.exit(0),
};

const [host, port] = process.argv[2].split(":");
const socket = net.connect(Number(port), host);
let buffer = Buffer.alloc(0);
socket.on("data", (data) => {
  buffer = Buffer.concat([buffer, data]);
  while (buffer.length >= 4 && buffer.length >= 4 + buffer.readUInt32BE(0)) {
    const length = buffer.readUInt32BE(0);
    const [, number, [name, args, named]] = JSON.parse(buffer.subarray(4, 4 + length).toString());
    buffer = buffer.subarray(4 + length);
    let answer;
    try { answer = [1, number, functions[name](args, named)]; } catch (error) { answer = [2, number, [error.name, error.message]]; }
    const text = Buffer.from(JSON.stringify(answer));
    const head = Buffer.alloc(4);
    head.writeUInt32BE(text.length);
    socket.write(Buffer.concat([head, text]));
  }
});
socket.on("close", () => process.exit(0));
