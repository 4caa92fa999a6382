/* The replayed map of an episode: Replay.mount(root, data) builds it inside an element.

   `data` is what cosim/report/page/map_replay.py gives. Times are seconds since the episode's start. All texts go in as
   texts. What is drawn depends on the time alone: `stateAt` tells what is so at a time, `draw` shows it. */
"use strict";

(function () {
  const SVG = "http://www.w3.org/2000/svg";
  const ROAD_STEPS = [0.25, 0.5, 0.75, 1.0];
  const ROAD_STEP_NAMES = ["below 25", "25 to 50", "50 to 75", "75 to 100", "100 and more"];
  const ROAD_WIDTHS_PX = [1.2, 1.8, 2.5, 3.3, 4.4];
  const ROAD_ASIDE_PX = 2.8;
  const STATION_PX = 9;
  const LABEL_PAD_PX = 5;
  const NARROW_PX = 560;
  const SPEEDS_MIN = [1, 2, 5, 10, 20, 60];
  const PLAY_S = 90;
  const FADE_S = 45;
  const LANES = [0, 1, -1, 2, -2];
  const SMALL_KW = 0.05;
  const STATES = {
    driving: "driving", waiting: "waiting", plugged: "plugged in", parked: "parked", away: "away",
  };
  let mounted = 0;

  // ---------------------------------------------------------------- what is so at a time

  /* Place of the last time that is not after `time`, at least 0. */
  function lastAt(times, time) {
    let low = 0;
    let high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] <= time) low = middle + 1;
      else high = middle;
    }
    return Math.max(low - 1, 0);
  }

  /* Value of a curve of straight lines. */
  function lineAt(times, values, time) {
    const k = lastAt(times, time);
    if (k + 1 >= times.length) return values[k];
    const share = (time - times[k]) / (times[k + 1] - times[k]);
    return values[k] + Math.max(share, 0) * (values[k + 1] - values[k]);
  }

  function stepAt([times, counts], time) {
    return counts[lastAt(times, time)];
  }

  function spanAt(spans, time) {
    return spans.find(([begin, end]) => begin <= time && time < end);
  }

  function slotAt(clock, time) {
    return Math.min(Math.floor(time / clock.slot_s), clock.slots - 1);
  }

  function evAt(ev, time, end) {
    // At the very end, what was so until then.
    const moment = Math.min(time, end - 0.01);
    const [times, x, y] = ev.motion;
    const plugged = spanAt(ev.plugged, moment);
    const waiting = spanAt(ev.waiting, moment);
    const stay = spanAt(ev.stays, moment);
    const away = spanAt(ev.away, moment);
    const state = away ? "away" : !stay ? "driving" : plugged ? "plugged" : waiting ? "waiting" : "parked";
    return {
      x_km: lineAt(times, x, time),
      y_km: lineAt(times, y, time),
      kwh: lineAt(ev.energy[0], ev.energy[1], time),
      power_kw: plugged ? slopeAt(ev.energy, moment) * 3600 : 0,
      state,
      station: stay ? stay[2] : -1,
    };
  }

  function slopeAt([times, values], time) {
    const k = Math.min(lastAt(times, time), times.length - 2);
    return k < 0 || times[k + 1] === times[k] ? 0 : (values[k + 1] - values[k]) / (times[k + 1] - times[k]);
  }

  function stateAt(data, time) {
    const end = data.clock.slot_s * data.clock.slots;
    return {
      time,
      slot: slotAt(data.clock, time),
      evs: data.evs.map((ev) => evAt(ev, time, end)),
      stations: data.stations.map((station) => ({
        busy: stepAt(station.busy, time),
        queue: stepAt(station.queue, time),
      })),
    };
  }

  function microgridAt(microgrid, slot) {
    const shed = microgrid.shed_kw[slot];
    const surplus = microgrid.surplus_kw[slot];
    const dark = microgrid.dark[slot] ? "dark, " : "";
    if (shed > SMALL_KW) return { kind: "shed", text: `${dark}shed ${kilowatts(shed)}` };
    if (dark) return { kind: "shed", text: "dark" };
    if (surplus > SMALL_KW) return { kind: "surplus", text: `surplus ${kilowatts(surplus)}` };
    return { kind: "even", text: "no surplus" };
  }

  // ---------------------------------------------------------------- words

  function two(number) {
    return String(number).padStart(2, "0");
  }

  /* Local clock time; with seconds also the days since the first midnight, if any. */
  function clockText(data, time, seconds) {
    const whole = Math.floor(data.clock.start_s + time + 1e-6);
    const minutes = `${two(Math.floor(whole / 3600) % 24)}:${two(Math.floor(whole / 60) % 60)}`;
    if (!seconds) return minutes;
    const days = Math.floor(whole / 86400);
    return `${minutes}:${two(whole % 60)}${days ? ` +${days} d` : ""}`;
  }

  function kilowatts(kw) {
    return `${kw.toFixed(Math.abs(kw) < 9.95 ? 1 : 0)}\u00a0kW`;
  }

  function placeName(data, station) {
    return station >= 0 ? data.stations[station].name : "on the road";
  }

  function evText(data, ev) {
    const place = ev.station >= 0 ? ` at ${placeName(data, ev.station)}` : " on the road";
    const at = ev.state === "driving" || ev.state === "away" ? "" : place;
    const flow = Math.abs(ev.power_kw) < SMALL_KW ? "" : ev.power_kw > 0 ? ", charging" : ", feeding in";
    return `${STATES[ev.state]}${at}${flow}`;
  }

  function stationText(station, state) {
    const waiting = state.queue ? `, ${state.queue} waiting` : "";
    return `${state.busy}/${station.chargers} chargers${waiting}`;
  }

  function stationLines(station, state, queues) {
    const chargers = `${state.busy}/${station.chargers} chargers`;
    return queues ? [chargers, state.queue ? `${state.queue} waiting` : "none waiting"] : [chargers];
  }

  /* A text in lines of at most `most` pixels; a word that is longer is broken. */
  function wrapped(text, most, width) {
    const lines = [""];
    for (let word of text.split(/\s+/).filter(Boolean)) {
      const longer = lines[lines.length - 1] ? `${lines[lines.length - 1]} ${word}` : word;
      if (width(longer) <= most) {
        lines[lines.length - 1] = longer;
        continue;
      }
      if (lines[lines.length - 1]) lines.push("");
      while (width(word) > most) {
        let cut = word.length - 1;
        while (cut > 1 && width(word.slice(0, cut)) > most) cut -= 1;
        lines[lines.length - 1] = word.slice(0, cut);
        lines.push("");
        word = word.slice(cut);
      }
      lines[lines.length - 1] = word;
    }
    return lines;
  }

  // ---------------------------------------------------------------- elements

  function html(name, attributes, ...children) {
    return filled(document.createElement(name), attributes, children);
  }

  function svg(name, attributes, ...children) {
    return filled(document.createElementNS(SVG, name), attributes, children);
  }

  function filled(element, attributes, children) {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined) element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  }

  /* Sets an attribute or text only where it changes. */
  function put(element, key, value) {
    const text = String(value);
    if (element.getAttribute(key) !== text) element.setAttribute(key, text);
  }

  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function round(number, digits = 2) {
    return Number(number.toFixed(digits));
  }

  function measure(root) {
    const context = document.createElement("canvas").getContext("2d");
    const family = getComputedStyle(root).fontFamily;
    return (text, size, weight = 400) => {
      context.font = `${weight} ${size}px ${family}`;
      return context.measureText(text).width;
    };
  }

  // ---------------------------------------------------------------- where things are on the map

  /* Sizes that depend on the width alone [px]. */
  function styleOf(width) {
    const narrow = width < NARROW_PX;
    return { narrow, font: narrow ? 11 : 12, radius: narrow ? 5 : 6.5 };
  }

  /* Scale and size of the map for a width [px]; north is up. */
  function frameOf(data, width, style, labels) {
    const { narrow } = style;
    const { x_km: x, y_km: y } = data.nodes;
    const [west, east, south, north] = [Math.min(...x), Math.max(...x), Math.min(...y), Math.max(...y)];
    // On a narrow map, the highest label has its place above or below the roads.
    const highest = Math.max(0, ...labels.map((label) => label.height));
    const room = narrow ? { x: 22, y: Math.min(highest + 30, 180) } : { x: 40, y: 48 };
    const most = narrow ? 760 : 720;
    const scale = Math.min(
      (width - 2 * room.x) / (east - west || 1),
      (most - 2 * room.y) / (north - south || 1)
    );
    const height = (north - south) * scale + 2 * room.y;
    const left = (width - (east - west) * scale) / 2;
    return {
      width,
      height: Math.ceil(height),
      scale,
      ...style,
      px: (x_km) => left + (x_km - west) * scale,
      py: (y_km) => room.y + (north - y_km) * scale,
      top: room.y,
      bottom: height - room.y,
    };
  }

  /* Places around a position in rings, the nearest first [px]. */
  function ringPlaces(radius, inner) {
    const places = inner ? [] : [[0, 0]];
    const step = 2 * radius + 1.5;
    for (let ring = 0; ring < 12; ring += 1) {
      const distance = (inner || step) + ring * step;
      const count = Math.floor((2 * Math.PI * distance) / step);
      for (let k = 0; k < count; k += 1) {
        const angle = (2 * Math.PI * k) / count - Math.PI / 2;
        places.push([distance * Math.cos(angle), distance * Math.sin(angle)]);
      }
    }
    return places;
  }

  /* Where EVs that stand are shown: beside one another, not one upon another. Each stay gets `dx`, `dy` [px]. */
  function placeStays(data, frame) {
    const stations = data.stations.map((station) => [frame.px(station.x_km), frame.py(station.y_km)]);
    const around = ringPlaces(frame.radius, STATION_PX + frame.radius + 3);
    const onRoad = ringPlaces(frame.radius, 0);
    const clear = 2 * frame.radius + 1;
    const all = data.evs.flatMap((ev, number) =>
      ev.stays.map(([begin, end, station, x, y]) => ({
        ev: number, begin, end, station, x: frame.px(x), y: frame.py(y), dx: 0, dy: 0,
      }))
    );
    all.sort((a, b) => a.begin - b.begin || a.ev - b.ev);
    const placed = [];
    for (const stay of all) {
      const others = placed.filter((other) => other.end > stay.begin && other.begin < stay.end);
      const free = (stay.station >= 0 ? around : onRoad).find(([dx, dy]) => {
        const x = stay.x + dx;
        const y = stay.y + dy;
        return (
          others.every((other) => Math.hypot(other.x + other.dx - x, other.y + other.dy - y) >= clear) &&
          stations.every(([sx, sy]) => Math.hypot(sx - x, sy - y) >= STATION_PX + frame.radius)
        );
      });
      [stay.dx, stay.dy] = free || [0, 0];
      placed.push(stay);
    }
    const byEv = data.evs.map(() => []);
    for (const stay of all) byEv[stay.ev].push(stay);
    for (const stays of byEv) stays.begins = stays.map((stay) => stay.begin);
    return byEv;
  }

  /* Those that set out together drive beside one another: a lane for each EV and drive. */
  function lanesOf(data) {
    const companies = new Map();
    return data.evs.map((ev) =>
      ev.stays.map(([, end, , x, y]) => {
        const next = Math.min(lastAt(ev.motion[0], end) + 1, ev.motion[0].length - 1);
        const company = `${Math.round(end)} ${x} ${y} to ${ev.motion[1][next]} ${ev.motion[2][next]}`;
        const number = companies.get(company) || 0;
        companies.set(company, number + 1);
        return LANES[number % LANES.length];
      })
    );
  }

  /* Where an EV is shown [px]: at its position, drawn aside where others are. */
  function shownAt(frame, ev, stays, lanes, state, time) {
    const x = frame.px(state.x_km);
    const y = frame.py(state.y_km);
    const before = lastAt(stays.begins, time);
    const stay = stays[before];
    const next = stays[before + 1];
    if (!stay || time < stay.end || (state.state !== "driving" && !next)) {
      return stay ? [x + stay.dx, y + stay.dy] : [x, y];
    }
    const leave = Math.max(1 - (time - stay.end) / FADE_S, 0);
    const arrive = next ? Math.max(1 - (next.begin - time) / FADE_S, 0) : 0;
    const [times, xs, ys] = ev.motion;
    const k = Math.min(lastAt(times, time), times.length - 2);
    const along = [xs[k + 1] - xs[k], ys[k] - ys[k + 1]];
    const length = Math.hypot(...along) || 1;
    const aside = (ROAD_ASIDE_PX + lanes[before] * frame.radius * 1.7) * Math.min(1 - leave, 1 - arrive);
    return [
      x + leave * stay.dx + arrive * (next ? next.dx : 0) - (along[1] / length) * aside,
      y + leave * stay.dy + arrive * (next ? next.dy : 0) + (along[0] / length) * aside,
    ];
  }

  /* Lines of a station's label as they are at their widest, and its size [px]. */
  function labelOf(data, station, { narrow, font }, width) {
    const most = narrow ? 96 : 184;
    const names = wrapped(station.name, most, (text) => width(text, font, 700));
    const widest = { busy: Math.max(...station.busy[1]), queue: Math.max(...station.queue[1]) };
    const lines = stationLines(station, widest, widest.queue > 0);
    const microgrid = data.microgrids[station.microgrid];
    const tags = microgrid.shed_kw.map((_, slot) => microgridAt(microgrid, slot).text);
    const widths = [
      ...names.map((text) => width(text, font, 700)),
      ...lines.map((text) => width(text, font)),
      ...tags.map((text) => width(text, font) + font + 2),
    ];
    const line = Math.round(font * 1.3);
    return {
      names,
      lines: lines.length,
      line,
      width: Math.ceil(Math.max(...widths)) + 2 * LABEL_PAD_PX + 1,
      height: (names.length + lines.length + 1) * line + 2 * LABEL_PAD_PX - 2,
    };
  }

  /* Where labels go: near their station, inside the map, off each other, and off where EVs stand and drive. */
  function placeLabels(data, frame, labels, stays) {
    const centres = data.stations.map((station) => [frame.px(station.x_km), frame.py(station.y_km)]);
    const standing = stays.flat().map((stay) => ({
      x: stay.x + stay.dx, y: stay.y + stay.dy, weight: stay.end - stay.begin,
    }));
    const total = data.clock.slot_s * data.clock.slots;
    const passing = passes(data, frame);
    const choices = labels.map((label, number) => labelChoices(label, centres[number], frame));
    const alone = choices.map((boxes, number) =>
      boxes.map((box) => {
        let cost = box.distance + 0.04 * box.distance ** 2;
        for (const [x, y] of centres) if (inside(box, x, y, STATION_PX + 3)) cost += 4000;
        for (const spot of standing) {
          if (inside(box, spot.x, spot.y, frame.radius)) cost += 20 + (300 * spot.weight) / total;
        }
        for (const pass of passing) if (inside(box, pass.x, pass.y, 2)) cost += 1.5 * pass.count;
        return cost;
      })
    );
    const chosen = choices.map((boxes, number) => boxes[alone[number].indexOf(Math.min(...alone[number]))]);
    for (let sweep = 0; sweep < 4; sweep += 1) {
      choices.forEach((boxes, number) => {
        let best = Infinity;
        boxes.forEach((box, k) => {
          let cost = alone[number][k];
          chosen.forEach((other, m) => {
            if (m === number) return;
            cost += 3 * shared(box, other);
            if (crossing(centres[number], box.near, centres[m], other.near)) cost += 600;
          });
          if (cost < best) {
            best = cost;
            chosen[number] = box;
          }
        });
      });
    }
    return chosen;
  }

  function labelChoices(label, [x, y], frame) {
    const boxes = [];
    for (const gap of [16, 26, 38, 54, 76, 104, 140]) {
      for (let k = 0; k < 16; k += 1) {
        const angle = (2 * Math.PI * k) / 16;
        const [east, south] = [Math.cos(angle), Math.sin(angle)];
        // The box's nearest point is `gap` away in this direction.
        const left = x + gap * east + ((Math.abs(east) < 0.1 ? 0 : Math.sign(east)) - 1) * (label.width / 2);
        const top = y + gap * south + ((Math.abs(south) < 0.1 ? 0 : Math.sign(south)) - 1) * (label.height / 2);
        const box = {
          x: Math.min(Math.max(left, 3), frame.width - label.width - 3),
          y: Math.min(Math.max(top, 3), frame.height - label.height - 24),
          width: label.width,
          height: label.height,
        };
        box.near = nearest(box, x, y);
        box.distance = Math.hypot(box.near[0] - x, box.near[1] - y);
        boxes.push(box);
      }
    }
    return boxes;
  }

  /* How often EVs drive through each bit of the map. */
  function passes(data, frame) {
    const counts = new Map();
    for (const ev of data.evs) {
      const [, x, y] = ev.motion;
      for (let k = 1; k < x.length; k += 1) {
        const from = [frame.px(x[k - 1]), frame.py(y[k - 1])];
        const to = [frame.px(x[k]), frame.py(y[k])];
        const pieces = Math.floor(Math.hypot(to[0] - from[0], to[1] - from[1]) / 12);
        for (let n = 0; n < pieces; n += 1) {
          const spot = [0, 1].map((axis) => Math.round((from[axis] + ((to[axis] - from[axis]) * n) / pieces) / 6) * 6);
          const key = spot.join(" ");
          const known = counts.get(key) || { x: spot[0], y: spot[1], count: 0 };
          known.count += 1;
          counts.set(key, known);
        }
      }
    }
    return [...counts.values()];
  }

  function inside(box, x, y, room) {
    return x > box.x - room && x < box.x + box.width + room && y > box.y - room && y < box.y + box.height + room;
  }

  function shared(a, b) {
    const wide = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x) + 4;
    const high = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y) + 4;
    return wide > 0 && high > 0 ? wide * high : 0;
  }

  /* Whether the lines from a to b and from c to d cross. */
  function crossing(a, b, c, d) {
    const side = (p, q, r) => Math.sign((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]));
    return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
  }

  function nearest(box, x, y) {
    return [Math.min(Math.max(x, box.x), box.x + box.width), Math.min(Math.max(y, box.y), box.y + box.height)];
  }

  // ---------------------------------------------------------------- the map

  /* Draws the map for a width [px] and gives its element and `show(state)`. */
  function buildMap(data, width, textWidth, open) {
    const style = styleOf(width);
    const labels = data.stations.map((station) => labelOf(data, station, style, textWidth));
    const frame = frameOf(data, width, style, labels);
    const stays = placeStays(data, frame);
    const lanes = lanesOf(data);
    const roads = data.roads.tail.map((_, road) => roadLine(data, frame, road));
    const boxes = placeLabels(data, frame, labels, stays);
    const stations = data.stations.map((_, number) => stationGroup(data, frame, number, labels[number], boxes[number]));
    const evs = data.evs.map((_, number) => evGroup(frame, number));
    const { top, bottom } = endsOf(frame, boxes, stays);
    const name = svg("text", { class: "ev-name", "font-size": frame.font, "aria-hidden": "true" });
    const picture = svg(
      "svg",
      {
        viewBox: `0 ${top} ${frame.width} ${bottom - top}`,
        role: "group",
        "aria-label": "Map of roads, stations and EVs",
      },
      svg("g", { class: "roads", "aria-hidden": "true" }, ...roads),
      scaleBar(frame, bottom),
      svg("g", { class: "stations" }, ...stations.map((station) => station.group)),
      svg("g", { class: "evs" }, ...evs.map((ev) => ev.group), name)
    );
    picture.addEventListener("click", (event) => {
      const item = itemOf(event.target);
      if (item && String(getSelection()) === "") open(item);
    });
    let shownSlot = -1;
    return {
      picture,
      show(state, selected) {
        if (state.slot !== shownSlot) showRoads(data, roads, state.slot);
        shownSlot = state.slot;
        stations.forEach((station, number) => showStation(data, station, number, state));
        evs.forEach((ev, number) => {
          const at = shownAt(frame, data.evs[number], stays[number], lanes[number], state.evs[number], state.time);
          showEv(data, ev, number, state.evs[number], at);
        });
        mark(stations.map((station) => station.group), selected, "station");
        mark(evs.map((ev) => ev.group), selected, "ev");
        nameSelected(name, evs, selected, frame);
      },
    };
  }

  /* Where what is drawn begins and ends: no empty room above and below it, but for the scale [px]. */
  function endsOf(frame, boxes, stays) {
    const standing = stays.flat().map((stay) => stay.y + stay.dy);
    const room = frame.radius + 8;
    const tops = [frame.top - 14, ...boxes.map((box) => box.y - 6), ...standing.map((y) => y - room)];
    const ends = boxes.map((box) => box.y + box.height + 6);
    const bottoms = [frame.bottom + 14, ...ends, ...standing.map((y) => y + room)];
    return { top: Math.floor(Math.min(...tops)), bottom: Math.ceil(Math.max(...bottoms)) + 22 };
  }

  function itemOf(element) {
    const group = element.closest("g.ev, g.station");
    if (!group) return null;
    const kind = group.classList.contains("ev") ? "ev" : "station";
    return { kind, number: Number(group.dataset[kind]) };
  }

  function roadLine(data, frame, road) {
    const { x_km: x, y_km: y } = data.nodes;
    const [tail, head] = [data.roads.tail[road], data.roads.head[road]];
    const [x1, y1, x2, y2] = [frame.px(x[tail]), frame.py(y[tail]), frame.px(x[head]), frame.py(y[head])];
    const length = Math.hypot(x2 - x1, y2 - y1) || 1;
    const [asideX, asideY] = [(-(y2 - y1) / length) * ROAD_ASIDE_PX, ((x2 - x1) / length) * ROAD_ASIDE_PX];
    return svg("line", {
      x1: round(x1 + asideX), y1: round(y1 + asideY), x2: round(x2 + asideX), y2: round(y2 + asideY),
    });
  }

  function showRoads(data, lines, slot) {
    lines.forEach((line, road) => {
      const share = data.roads.share[slot][road];
      const step = ROAD_STEPS.filter((limit) => share >= limit).length;
      put(line, "class", `road q${step + 1}`);
      put(line, "stroke-width", ROAD_WIDTHS_PX[step]);
    });
  }

  function scaleBar(frame, bottom) {
    const most = Math.min(frame.width / 4, 140);
    const km = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50].filter((length) => length * frame.scale <= most).pop() || 0.1;
    const y = bottom - 9;
    const x2 = 12 + km * frame.scale;
    return svg(
      "g",
      { class: "scale" },
      svg("path", { d: `M12 ${y - 4}V${y}H${round(x2)}V${y - 4}` }),
      svg("text", { x: round(x2 + 6), y, "font-size": frame.font }, `${km} km, north is up`)
    );
  }

  function stationGroup(data, frame, number, label, box) {
    const station = data.stations[number];
    const [x, y] = [frame.px(station.x_km), frame.py(station.y_km)];
    const side = 2 * STATION_PX;
    const fill = svg("rect", { class: "busy", x: round(x - STATION_PX), width: side });
    const line = (k, text, attributes) =>
      svg(
        "text",
        {
          x: round(box.x + LABEL_PAD_PX),
          y: round(box.y + LABEL_PAD_PX + label.line * (k + 0.75)),
          "font-size": frame.font,
          ...attributes,
        },
        text
      );
    const names = label.names.map((text, k) => line(k, text, { class: "name" }));
    const facts = Array.from({ length: label.lines }, (_, k) => line(label.names.length + k, ""));
    const tagLine = label.names.length + label.lines;
    const tag = line(tagLine, "", { x: round(box.x + LABEL_PAD_PX + frame.font + 2) });
    const sign = svg("path", { class: "sign" });
    const [signX, signY] = [box.x + LABEL_PAD_PX, box.y + LABEL_PAD_PX + label.line * (tagLine + 0.75)];
    const group = svg(
      "g",
      { class: "station", "data-station": number, role: "button", tabindex: number ? -1 : 0 },
      svg("line", { class: "leader", x1: round(x), y1: round(y), x2: round(box.near[0]), y2: round(box.near[1]) }),
      svg("rect", {
        class: "label", x: round(box.x), y: round(box.y), width: round(box.width), height: round(box.height), rx: 4,
      }),
      svg("rect", {
        class: "site", x: round(x - STATION_PX), y: round(y - STATION_PX), width: side, height: side,
      }),
      fill,
      svg("rect", {
        class: "edge", x: round(x - STATION_PX), y: round(y - STATION_PX), width: side, height: side,
      }),
      ...names,
      ...facts,
      sign,
      tag
    );
    return { group, fill, facts, tag, sign, signX, signY, size: frame.font * 0.8, bottom: y + STATION_PX, side };
  }

  function showStation(data, drawn, number, state) {
    const station = data.stations[number];
    const now = state.stations[number];
    const microgrid = microgridAt(data.microgrids[station.microgrid], state.slot);
    put(drawn.group, "data-queue", now.queue);
    put(drawn.group, "data-busy", now.busy);
    put(drawn.group, "aria-label", `${station.name}: ${stationText(station, now)}, ${microgrid.text}`);
    const height = station.chargers ? Math.min(now.busy / station.chargers, 1) * drawn.side : 0;
    put(drawn.fill, "y", round(drawn.bottom - height));
    put(drawn.fill, "height", round(height));
    stationLines(station, now, drawn.facts.length > 1).forEach((text, k) => say(drawn.facts[k], text));
    say(drawn.tag, microgrid.text);
    put(drawn.sign, "class", `sign ${microgrid.kind}`);
    put(drawn.sign, "d", signPath(microgrid.kind, drawn.signX, drawn.signY, drawn.size));
  }

  /* A triangle up for a surplus, down for shed load, a bar for neither: told apart without colour. */
  function signPath(kind, x, y, size) {
    const [left, top, right, low] = [x, y - size, x + size, y].map((number) => round(number));
    const middle = round(x + size / 2);
    if (kind === "surplus") return `M${left} ${low}L${middle} ${top}L${right} ${low}Z`;
    if (kind === "shed") return `M${left} ${top}L${middle} ${low}L${right} ${top}Z`;
    return `M${left} ${round(y - size * 0.65)}H${right}V${round(y - size * 0.35)}H${left}Z`;
  }

  function evGroup(frame, number) {
    const radius = frame.radius;
    const energy = svg("circle", {
      class: "energy", r: (radius - 1.6) / 2, "stroke-width": radius - 1.6, pathLength: 1, transform: "rotate(-90)",
    });
    const group = svg(
      "g",
      { class: "ev", "data-ev": number, role: "button", tabindex: number ? -1 : 0 },
      svg("circle", { class: "hit", r: Math.max(radius + 3, 9) }),
      svg("circle", { class: "body", r: radius }),
      energy,
      svg("circle", { class: "rim", r: radius })
    );
    return { group, energy };
  }

  function showEv(data, drawn, number, now, [x, y]) {
    const { min_kwh: low, max_kwh: high } = data.energy;
    const share = Math.min(Math.max((now.kwh - low) / (high - low || 1), 0), 1);
    put(drawn.group, "transform", `translate(${round(x)} ${round(y)})`);
    put(drawn.group, "data-x-km", now.x_km.toFixed(4));
    put(drawn.group, "data-y-km", now.y_km.toFixed(4));
    put(drawn.group, "data-state", now.state);
    put(drawn.group, "aria-label", `EV ${number}: ${evText(data, now)}, ${now.kwh.toFixed(0)} kWh`);
    put(drawn.energy, "stroke-dasharray", `${round(share, 3)} 1`);
    drawn.x = x;
    drawn.y = y;
  }

  function mark(groups, selected, kind) {
    groups.forEach((group, number) => {
      group.classList.toggle("open", Boolean(selected) && selected.kind === kind && selected.number === number);
    });
  }

  function nameSelected(name, evs, selected, frame) {
    const ev = selected && selected.kind === "ev" ? evs[selected.number] : null;
    say(name, ev ? `EV ${selected.number}` : "");
    if (!ev) return;
    const right = ev.x < frame.width - 60;
    put(name, "x", round(ev.x + (right ? 1 : -1) * (frame.radius + 5)));
    put(name, "y", round(ev.y + 4));
    put(name, "text-anchor", right ? "start" : "end");
  }

  // ---------------------------------------------------------------- legend and microgrids

  function buildLegend(data) {
    const entry = (picture, text) => html("li", {}, picture, html("span", {}, text));
    const small = (...children) =>
      svg("svg", { viewBox: "0 0 30 16", width: 30, height: 16, "aria-hidden": "true" }, ...children);
    const ev = (state, share) =>
      small(
        svg(
          "g",
          { class: "ev", "data-state": state, transform: "translate(15 8)" },
          svg("circle", { class: "body", r: 6.5 }),
          svg("circle", {
            class: "energy", r: 2.45, "stroke-width": 4.9, pathLength: 1, transform: "rotate(-90)",
            "stroke-dasharray": `${share} 1`,
          }),
          svg("circle", { class: "rim", r: 6.5 })
        )
      );
    const sign = (kind) => small(svg("path", { class: `sign ${kind}`, d: signPath(kind, 10, 13, 10) }));
    const road = (step) =>
      small(
        svg("line", { class: `road q${step + 1}`, "stroke-width": ROAD_WIDTHS_PX[step], x1: 2, x2: 28, y1: 8, y2: 8 })
      );
    const station = small(
      svg("rect", { class: "site", x: 7, y: 0.5, width: 15, height: 15 }),
      svg("rect", { class: "busy", x: 7, y: 8, width: 15, height: 7.5 }),
      svg("rect", { class: "edge", x: 7, y: 0.5, width: 15, height: 15 })
    );
    const { min_kwh: low, max_kwh: high } = data.energy;
    const list = (title, ...entries) =>
      html("div", { class: "replay-key" }, html("p", {}, title), html("ul", {}, ...entries));
    return html(
      "div",
      { class: "replay-legend" },
      list("Roads: flow over capacity [%]", ...ROAD_STEP_NAMES.map((name, step) => entry(road(step), name))),
      list(
        `EVs: a full disc is ${round(high, 1)} kWh, an empty one ${round(low, 1)} kWh`,
        ...Object.entries(STATES).filter(([state]) => state !== "away" || data.evs.some((ev) => ev.away.length)).map(([state, text]) => entry(ev(state, 0.65), text))
      ),
      list(
        "Stations and their microgrids",
        entry(station, "chargers in use, of all"),
        entry(sign("shed"), "load that is shed [kW]"),
        entry(sign("surplus"), "surplus for EVs to draw [kW]")
      )
    );
  }

  function buildMicrogrids(data) {
    const rows = data.microgrids.map((microgrid) => {
      const sign = svg("path", {});
      const text = html("span", {});
      const picture = svg("svg", { viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" }, sign);
      const row = html("tr", {}, html("th", { scope: "row" }, microgrid.name), html("td", {}, picture, " ", text));
      return { row, sign, text };
    });
    const table = html(
      "table",
      { class: "replay-microgrids" },
      html("caption", {}, "Microgrids now"),
      html("tbody", {}, ...rows.map((row) => row.row))
    );
    return {
      table,
      show(state) {
        rows.forEach((row, number) => {
          const now = microgridAt(data.microgrids[number], state.slot);
          put(row.sign, "class", `sign ${now.kind}`);
          put(row.sign, "d", signPath(now.kind, 1, 11, 10));
          say(row.text, now.text);
        });
      },
    };
  }

  // ---------------------------------------------------------------- charts of traces

  function niceStep(span, most) {
    const raw = span / most;
    const unit = 10 ** Math.floor(Math.log10(raw));
    return unit * [1, 2, 5, 10].find((factor) => factor * unit >= raw * 0.999);
  }

  function yTicks(low, high, most, whole) {
    const step = Math.max(niceStep(high - low || 1, most), whole ? 1 : 0);
    const first = Math.floor(low / step + 1e-9);
    const last = Math.max(Math.ceil(high / step - 1e-9), first + 1);
    return Array.from({ length: last - first + 1 }, (_, k) => round((first + k) * step, 6));
  }

  function clockTicks(data, end, most) {
    const step = [900, 1800, 3600, 7200, 10800, 14400, 21600, 43200].find((length) => end / length <= most) || 86400;
    const first = Math.ceil(data.clock.start_s / step) * step - data.clock.start_s;
    const ticks = [];
    for (let time = first; time <= end; time += step) ticks.push(time);
    return ticks;
  }

  /* A chart over clock time.

     lines: each has `points` as [times, values], `steps`, `name` (its class). bands: each has `spans`, `name`. */
  function buildChart(data, textWidth, { title, width, lines, bands = [], low, high, whole, seek }) {
    const end = data.clock.slot_s * data.clock.slots;
    const font = 12;
    const height = 170;
    const ticks = yTicks(low, high, 4, whole);
    const left = Math.ceil(Math.max(...ticks.map((tick) => textWidth(String(tick), font)))) + 12;
    const [top, right, bottom] = [24, width - 18, height - 38];
    const x = (time) => left + (time / end) * (right - left);
    const bounds = [ticks[0], ticks[ticks.length - 1]];
    const y = (value) => bottom - ((value - bounds[0]) / (bounds[1] - bounds[0])) * (bottom - top);
    const cursor = svg("line", { class: "cursor", y1: top, y2: bottom });
    const clocks = clockTicks(data, end, Math.max(Math.floor((right - left) / 52), 1));
    const picture = svg(
      "svg",
      { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `${title} over clock time` },
      ...bands.flatMap((band) =>
        band.spans.map(([begin, until]) =>
          svg("rect", {
            class: `band ${band.name}`, x: round(x(begin)), width: round(Math.max(x(until) - x(begin), 0.5)),
            y: band.name === "driving" ? bottom - 7 : top, height: band.name === "driving" ? 7 : bottom - top,
          })
        )
      ),
      ...ticks.flatMap((tick) => [
        svg("line", {
          class: tick === 0 ? "grid zero" : "grid", x1: left, x2: right, y1: round(y(tick)), y2: round(y(tick)),
        }),
        svg("text", { x: left - 6, y: round(y(tick) + 4), "text-anchor": "end", "font-size": font }, String(tick)),
      ]),
      ...clocks.flatMap((time) => [
        svg("line", { class: "tick", x1: round(x(time)), x2: round(x(time)), y1: bottom, y2: bottom + 4 }),
        svg(
          "text",
          { x: round(x(time)), y: bottom + 17, "text-anchor": "middle", "font-size": font },
          clockText(data, time)
        ),
      ]),
      svg("text", { class: "title", x: 2, y: 13, "font-size": font }, title),
      svg(
        "text",
        { class: "title", x: round((left + right) / 2), y: height - 5, "text-anchor": "middle", "font-size": font },
        "clock time [h:min]"
      ),
      ...lines.map((line) => svg("path", { class: `line ${line.name}`, d: linePath(line, x, y, end) })),
      cursor
    );
    picture.addEventListener("click", (event) => {
      if (String(getSelection()) !== "") return;
      const shown = picture.getBoundingClientRect();
      const at = ((event.clientX - shown.left) / shown.width) * width;
      if (at >= left && at <= right) seek(((at - left) / (right - left)) * end);
    });
    return {
      picture,
      show(time) {
        put(cursor, "x1", round(x(time)));
        put(cursor, "x2", round(x(time)));
      },
    };
  }

  function linePath({ points: [times, values], steps }, x, y, end) {
    const parts = [];
    times.forEach((time, k) => {
      parts.push(k === 0 ? `M${round(x(time))} ${round(y(values[k]))}` : "");
      if (k && steps) parts.push(`H${round(x(time))}V${round(y(values[k]))}`);
      else if (k) parts.push(`L${round(x(time))} ${round(y(values[k]))}`);
    });
    if (steps) parts.push(`H${round(x(end))}`);
    return parts.join("");
  }

  function chartKey(...entries) {
    const picture = (name) => {
      if (name.startsWith("line")) return svg("path", { class: name, d: "M1 6H25" });
      const [y, height] = name === "band driving" ? [4, 5] : [0, 12];
      return svg("rect", { class: name, x: 1, width: 24, y, height });
    };
    return html(
      "ul",
      { class: "replay-chart-key" },
      ...entries.map(([name, text]) =>
        html(
          "li",
          {},
          svg("svg", { viewBox: "0 0 26 12", width: 26, height: 12, "aria-hidden": "true" }, picture(name)),
          html("span", {}, text)
        )
      )
    );
  }

  // ---------------------------------------------------------------- traces

  function evTrace(data, number, width, textWidth, seek) {
    const ev = data.evs[number];
    const driving = ev.stays.map(([, until], k) => [until, k + 1 < ev.stays.length ? ev.stays[k + 1][0] : endOf(data)]);
    const chart = buildChart(data, textWidth, {
      title: "energy [kWh]", width, seek, low: 0, high: data.energy.max_kwh,
      lines: [{ points: ev.energy, name: "first" }],
      bands: [
        { name: "plugged", spans: ev.plugged },
        { name: "driving", spans: driving.filter(([begin, until]) => until > begin) },
      ],
    });
    const readout = html("p", { class: "replay-now" });
    const key = chartKey(["line first", "energy"], ["band plugged", "plugged in"], ["band driving", "driving"]);
    return {
      title: `EV ${number}`,
      body: [readout, chart.picture, key, eventTable(data, ev, seek)],
      show(state) {
        const now = state.evs[number];
        const power = Math.abs(now.power_kw) < SMALL_KW ? "" : ` ${kilowatts(Math.abs(now.power_kw))}`;
        say(
          readout,
          `${clockText(data, state.time, true)}: ${evText(data, now)}${power}, ${now.kwh.toFixed(1)} kWh, ` +
            `${now.x_km.toFixed(2)} km east, ${now.y_km.toFixed(2)} km north`
        );
        chart.show(state.time);
      },
      file: `ev-${number}.csv`,
      rows: () => evRows(data, ev),
    };
  }

  function endOf(data) {
    return data.clock.slot_s * data.clock.slots;
  }

  function eventTable(data, ev, seek) {
    const groups = [];
    for (const [time, what, station] of ev.events) {
      const last = groups[groups.length - 1];
      if (last && last.time === time && last.station === station) last.what.push(what);
      else groups.push({ time, station, what: [what] });
    }
    const rows = groups.map(({ time, what, station }) => {
      const text = clockText(data, time, true);
      const button = html("button", { type: "button", title: "show this time on the map" }, text);
      button.addEventListener("click", () => seek(time));
      const cells = [what.join(", "), placeName(data, station)].map((cell) => html("td", {}, cell));
      return html("tr", {}, html("td", {}, button), ...cells);
    });
    const heads = ["time", "event", "where"].map((head) => html("th", { scope: "col" }, head));
    const table = html("table", {}, html("thead", {}, html("tr", {}, ...heads)), html("tbody", {}, ...rows));
    if (!rows.length) return html("p", {}, "It neither drives nor asks for a charger.");
    return html("div", { class: "replay-events", tabindex: 0, role: "group", "aria-label": "Events" }, table);
  }

  function evRows(data, ev) {
    const times = [...new Set([...ev.motion[0], ...ev.energy[0], ...ev.events.map(([time]) => time)])];
    times.sort((a, b) => a - b);
    const [at, x, y] = ev.motion;
    const rows = times.map((time) => {
      const events = ev.events.filter((event) => event[0] === time);
      return [
        time,
        clockText(data, time, true),
        round(lineAt(...ev.energy, time), 3),
        round(lineAt(at, x, time), 4),
        round(lineAt(at, y, time), 4),
        events.map(([, what, station]) => `${what} (${placeName(data, station)})`).join("; "),
      ];
    });
    return [["time_s", "clock", "energy_kwh", "x_km", "y_km", "events"], ...rows];
  }

  function stationTrace(data, number, width, textWidth, seek) {
    const station = data.stations[number];
    const slots = station.power_kw.map((_, slot) => slot * data.clock.slot_s);
    const most = Math.max(station.chargers, ...station.busy[1], ...station.queue[1]);
    const counts = buildChart(data, textWidth, {
      title: "vehicles", width, seek, low: 0, high: most, whole: true,
      lines: [
        { points: station.busy, steps: true, name: "first" },
        { points: station.queue, steps: true, name: "second" },
      ],
    });
    const power = buildChart(data, textWidth, {
      title: "mean power [kW], < 0 fed in", width, seek,
      low: Math.min(0, ...station.power_kw), high: Math.max(0, ...station.power_kw),
      lines: [{ points: [slots, station.power_kw], steps: true, name: "first" }],
    });
    const readout = html("p", { class: "replay-now" });
    const key = chartKey(["line first", `at chargers (of ${station.chargers})`], ["line second", "waiting"]);
    const microgrid = data.microgrids[station.microgrid];
    return {
      title: station.name,
      body: [readout, counts.picture, key, power.picture],
      show(state) {
        const kw = station.power_kw[state.slot];
        const flow = kw < -SMALL_KW ? `feeds in ${kilowatts(-kw)}` : `draws ${kilowatts(Math.abs(kw))}`;
        say(
          readout,
          `${clockText(data, state.time, true)}: ${stationText(station, state.stations[number])}, ${flow}; ` +
            `microgrid ${microgrid.name}: ${microgridAt(microgrid, state.slot).text}`
        );
        counts.show(state.time);
        power.show(state.time);
      },
      file: `station-${number}.csv`,
      rows: () => stationRows(data, station, slots),
    };
  }

  function stationRows(data, station, slots) {
    const times = [...new Set([...station.busy[0], ...station.queue[0], ...slots])].sort((a, b) => a - b);
    const rows = times.map((time) => [
      time,
      clockText(data, time, true),
      stepAt(station.busy, time),
      stepAt(station.queue, time),
      station.power_kw[slotAt(data.clock, time)],
    ]);
    return [["time_s", "clock", "busy", "queue", "power_kw"], ...rows];
  }

  function csvText(rows) {
    const quoted = (text) => (/[",;\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const cell = (value) => quoted(String(value));
    return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
  }

  function download(file, text) {
    const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    html("a", { href: address, download: file }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }

  // ---------------------------------------------------------------- controls

  function buildControls(data, id) {
    const end = endOf(data);
    const play = html("button", { type: "button", class: "replay-play" }, "Play");
    const clock = html("output", { class: "replay-clock", "aria-live": "off" });
    const slider = html("input", {
      type: "range", class: "replay-slider", min: 0, max: end, step: 1, value: 0, "aria-label": "Time of the episode",
    });
    const speed = html("select", { id: `replay-speed-${id}` });
    for (const minutes of SPEEDS_MIN) {
      speed.append(html("option", { value: minutes * 60 }, `${minutes} min/s`));
    }
    const usual = SPEEDS_MIN.find((minutes) => end / (60 * minutes) <= PLAY_S) || SPEEDS_MIN[SPEEDS_MIN.length - 1];
    speed.value = String(usual * 60);
    const bar = html(
      "div",
      { class: "replay-controls" },
      play,
      clock,
      slider,
      html("span", { class: "replay-speed" }, html("label", { for: speed.id }, "Speed"), speed)
    );
    return { bar, play, clock, slider, speed };
  }

  /* Where a key takes the time; null if it is no such key. */
  function timeAfterKey(event, time, data) {
    const slot = data.clock.slot_s;
    const move = event.shiftKey ? slot : 60;
    const moves = { ArrowLeft: -move, ArrowRight: move, PageUp: slot, PageDown: -slot, Home: -Infinity, End: Infinity };
    return event.key in moves ? time + moves[event.key] : null;
  }

  // ---------------------------------------------------------------- all together

  function mount(root, data) {
    mounted += 1;
    const end = endOf(data);
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    const controls = buildControls(data, mounted);
    const microgrids = buildMicrogrids(data);
    const place = html("div", { class: "replay-map", tabindex: 0, role: "group", "aria-label": "Map" });
    const panel = html("section", { class: "replay-trace", "aria-label": "Trace", hidden: "" });
    const announced = html("p", { class: "replay-said", "aria-live": "polite" });
    const help = html(
      "p",
      { class: "replay-help" },
      "Click an EV or a station for its trace. Keys: space plays and pauses; left and right move by a minute, with " +
        "shift by a slot; Home and End; up and down pick another EV or station, Enter opens it, Escape closes it."
    );
    const side = html("div", { class: "replay-side" }, panel, microgrids.table);
    root.classList.add("replay");
    root.setAttribute("role", "region");
    if (!root.hasAttribute("aria-label")) root.setAttribute("aria-label", "Replayed episode");
    root.replaceChildren(
      html("div", { class: "replay-main" }, controls.bar, place),
      side,
      announced,
      html("div", { class: "replay-notes" }, buildLegend(data), help)
    );
    const textWidth = measure(root);

    let time = 0;
    let playing = false;
    let last = 0;
    let selected = null;
    let map = null;
    let trace = null;

    function draw() {
      const state = stateAt(data, time);
      root.dataset.timeS = String(round(time, 2));
      say(controls.clock, clockText(data, time, true));
      controls.slider.value = String(time);
      put(controls.slider, "aria-valuetext", clockText(data, time));
      if (map) map.show(state, selected);
      microgrids.show(state);
      if (trace) trace.show(state);
    }

    function seek(to) {
      time = Math.min(Math.max(to, 0), end);
      draw();
    }

    function play(on) {
      if (on && time >= end) time = 0;
      playing = on;
      last = 0;
      say(controls.play, on ? "Pause" : "Play");
      if (on) requestAnimationFrame(advance);
    }

    function advance(now) {
      if (!playing) return;
      const passed = last ? (now - last) / 1000 : 0;
      // Where motion is not wanted, the map changes once a second.
      if (!last || !still.matches || passed >= 1) {
        last = now;
        seek(time + Math.min(passed, still.matches ? 1 : 0.1) * Number(controls.speed.value));
      }
      if (time >= end) play(false);
      else requestAnimationFrame(advance);
    }

    function fill() {
      if (!selected) return;
      const make = selected.kind === "ev" ? evTrace : stationTrace;
      const width = Math.max(Math.floor(panel.clientWidth) - 24, 240);
      trace = make(data, selected.number, width, textWidth, seek);
      const csv = html("button", { type: "button" }, "CSV");
      csv.setAttribute("aria-label", `CSV of the trace of ${trace.title}`);
      csv.addEventListener("click", () => download(trace.file, csvText(trace.rows())));
      const shut = html("button", { type: "button", "aria-label": "Close the trace" }, "Close");
      shut.addEventListener("click", close);
      const head = html("div", { class: "replay-trace-head" }, html("h3", {}, trace.title), csv, shut);
      panel.replaceChildren(head, ...trace.body);
    }

    function open(item) {
      selected = item;
      panel.hidden = false;
      fill();
      draw();
      say(announced, `Trace of ${trace.title}`);
      if (panel.getBoundingClientRect().top > innerHeight - 120) panel.scrollIntoView({ block: "nearest" });
    }

    function close() {
      const group = selected && groupOf(selected);
      selected = null;
      trace = null;
      panel.hidden = true;
      say(announced, "Trace closed");
      if (group) group.focus({ preventScroll: true });
      draw();
    }

    function groupOf(item) {
      return place.querySelector(`g.${item.kind}[data-${item.kind}="${item.number}"]`);
    }

    function isOpen(item) {
      return Boolean(selected) && selected.kind === item.kind && selected.number === item.number;
    }

    function pick(item, move) {
      const groups = [...place.querySelectorAll(`g.${item.kind}`)];
      groups[item.number].setAttribute("tabindex", "-1");
      const next = groups[(item.number + move + groups.length) % groups.length];
      next.setAttribute("tabindex", "0");
      next.focus({ preventScroll: true });
    }

    function onKey(event) {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const item = itemOf(event.target);
      const to = timeAfterKey(event, time, data);
      if (event.key === "Escape" && selected) close();
      else if (event.target.closest("select")) return;
      else if (item && event.key === "Enter") open(item);
      else if (item && event.key === " " && !isOpen(item)) open(item);
      else if (item && event.key === "ArrowUp") pick(item, -1);
      else if (item && event.key === "ArrowDown") pick(item, 1);
      else if (event.key === " " && !event.target.closest("button")) play(!playing);
      else if (to !== null && !event.target.closest(".replay-events")) seek(to);
      else return;
      event.preventDefault();
    }

    function layOut() {
      const width = Math.floor(place.clientWidth);
      if (!width || (map && map.width === width)) return;
      const focused = place.contains(document.activeElement) ? itemOf(document.activeElement) : null;
      map = buildMap(data, width, textWidth, open);
      map.width = width;
      place.replaceChildren(map.picture);
      if (focused) groupOf(focused).focus({ preventScroll: true });
      fill();
      draw();
    }

    controls.play.addEventListener("click", () => play(!playing));
    controls.slider.addEventListener("input", () => seek(Number(controls.slider.value)));
    root.addEventListener("keydown", onKey);
    draw();
    layOut();
    new ResizeObserver(layOut).observe(place);
    return { seek, play: () => play(true), pause: () => play(false), open, close };
  }

  window.Replay = { mount, stateAt };
})();
