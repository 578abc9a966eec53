// The language of the page: its texts are English in the source, and a file of lang/ has them in another.
//
// `html` below is what every view writes its elements with. What stands in a template as text, or as a label, is looked
// up once for each template; what is put into it by `${...}` is a person's own words, or a value, and stays as it is.
// Elsewhere a text that is told is written say`...`. A text with something put in has {} there: "{} chosen".

import { html as written } from "./vendor/preact.js";

/** Attributes that are read by people. */
const READ = /\s(?:aria-label|title|placeholder|label|text|alt|valueText)=$/;
const LETTER = /\p{L}{2}/u;

let known = {};
const made = new WeakMap();
/** Texts that the language lacks. */
export const untranslated = new Set();

/** Speak the first of the browser's languages that there is a file of, or English. */
export async function speak() {
  const wanted = (globalThis.navigator?.languages ?? ["en"]).map((tag) => tag.split("-")[0]);
  if (wanted[0] === "en") return;
  const { languages = [] } = await (await fetch("./studio.json")).json();
  const found = wanted.find((code) => code === "en" || languages.includes(code)) ?? "en";
  if (found === "en") return;
  known = (await import(`./lang/${found}.js`)).default;
  document.documentElement.lang = found;
}

/** Return a text in the language of the page: say`${n} chosen`. */
export function say(strings, ...values) {
  const parts = translated(strings.join("{}"))?.split("{}") ?? strings;
  return parts.map((part, place) => part + (place < values.length ? values[place] : "")).join("");
}

/** Return a text that is not in a template where it is told: a name in a list, say. */
export function told(text) {
  return translated(text) ?? text;
}

/** As htm's `html`, in the language of the page. */
export function html(strings, ...values) {
  if (!made.has(strings)) made.set(strings, turned(strings));
  return written(made.get(strings), ...values);
}

function translated(text) {
  if (!Object.keys(known).length || !LETTER.test(text)) return null;
  const found = known[text];
  if (found === undefined) untranslated.add(text);
  return found ?? null;
}

/** Return the strings of a template with its texts and labels put otherwise; as many strings, in one order. */
function turned(strings) {
  if (!Object.keys(known).length) return strings;
  const whole = strings.join("\0");
  const pieces = whole.split(/(<[^>]*>)/); // no value of ours holds ">"
  const next = pieces.map((piece) => (piece.startsWith("<") ? labels(piece) : text(piece))).join("");
  const parts = next.split("\0");
  return Object.assign(parts, { raw: parts });
}

function text(piece) {
  const said = piece.trim().replace(/\s+/g, " ");
  const found = translated(said.replaceAll("\0", "{}"));
  return found === null ? piece : piece.match(/^\s*/)[0] + found.replaceAll("{}", "\0") + piece.match(/\s*$/)[0];
}

function labels(tag) {
  return tag.replace(/(\s[\w-]+=)"([^"\0]*)"/g, (all, name, value) => {
    const found = READ.test(name) ? translated(value) : null;
    return found === null ? all : `${name}"${found}"`;
  });
}
