// Where one is on the page: "#/morph?picture=ID" is the view morph with a picture.

/** Read a hash: {view, rest, query}. */
export function parse(hash) {
  const [path, query] = hash.replace(/^#\/?/, "").split("?");
  const [view, ...rest] = path.split("/").map(decoded);
  return { view, rest: rest.join("/"), query: Object.fromEntries(new URLSearchParams(query)) };
}

/** Write one. */
export function to(view, query = {}) {
  const asked = new URLSearchParams(query).toString();
  return `#/${view}${asked ? `?${asked}` : ""}`;
}

/** Go there. */
export function go(view, query = {}) {
  location.hash = to(view, query);
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
