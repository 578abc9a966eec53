// Arrow keys among buttons that belong together: one of them is reached by Tab, the others from there.

const SIDEWAYS = { ArrowLeft: -1, ArrowRight: 1 };
const UPRIGHT = { ArrowUp: -1, ArrowDown: 1 };

/** Move the focus among the buttons of the element that has this handler, as they lie on the screen. */
export function byArrows(event) {
  const buttons = [...event.currentTarget.querySelectorAll("button:not(:disabled)")];
  const at = buttons.indexOf(event.target);
  const next = at < 0 ? undefined : nextOf(event.key, buttons, at);
  if (!next) return;
  event.preventDefault();
  event.stopPropagation();
  next.focus();
}

function nextOf(key, buttons, at) {
  if (key === "Home") return buttons[0];
  if (key === "End") return buttons.at(-1);
  if (key in SIDEWAYS) return buttons[at + SIDEWAYS[key]];
  return key in UPRIGHT ? inLine(buttons, at, UPRIGHT[key]) : undefined;
}

/** Return the nearest button of the next line up or down, by the middles of both. */
function inLine(buttons, at, way) {
  const middle = (one) => {
    const { left, top, width, height } = one.getBoundingClientRect();
    return [left + width / 2, top + height / 2];
  };
  const [x, y] = middle(buttons[at]);
  const beyond = buttons
    .map((one) => [one, ...middle(one)])
    .filter(([one, , other]) => way * (other - y) > one.offsetHeight / 2);
  const nearest = Math.min(...beyond.map(([, , other]) => Math.abs(other - y)));
  const line = beyond.filter(([, , other]) => Math.abs(other - y) < nearest + 4);
  return line.sort((a, b) => Math.abs(a[1] - x) - Math.abs(b[1] - x))[0]?.[0];
}
