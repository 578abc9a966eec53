// Where one is on the page: "#/morph?picture=ID" is the view morph with a picture.

const LAST = "limner.last";

/** Read a hash: {view, rest, query}. */
export function parse(hash) {
  const [path, query] = hash.replace(/^#\/?/, "").split("?");
  const [view, ...rest] = path.split("/").map(decoded);
  return { view, rest: rest.join("/"), query: Object.fromEntries(new URLSearchParams(query)) };
}

/**
 * Take over what was asked before the hash, as in "?prompt=...&seed=7": a link that someone wrote by hand. A reload goes
 * on with what was shown last.
 */
export function adopt() {
  const asked = Object.fromEntries(new URLSearchParams(location.search));
  if ("prompt" in asked || "words" in asked) write(`${location.pathname}${to("draw", asked)}`);
  const shown = sessionStorage.getItem(LAST);
  sessionStorage.removeItem(LAST);
  const isReload = performance.getEntriesByType("navigation")[0]?.type === "reload";
  if (shown && isReload) write(shown); // whatever the address: it may have changed after the reload began
}

/** Put an address in the place of this one, without going anywhere. */
export function write(address) {
  try {
    history.replaceState(null, "", address);
  } catch {
    // some browsers take no more than so many in a while; the next one tells of all before it
  }
}

/** Note what a reload goes on with, where the address does not say so yet. */
export function reloaded(address) {
  sessionStorage.setItem(LAST, address);
}

/** Write one. */
export function to(view, query = {}) {
  const asked = new URLSearchParams(query).toString();
  return `#/${view}${asked ? `?${asked}` : ""}`;
}

let address = null;

/** Say how the address of what is shown is found, so that the way back leads to it; null where nothing is. */
export function shows(found) {
  address = found;
}

/** Go there. */
export function go(view, query = {}) {
  if (address) write(address());
  location.hash = to(view, query);
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
