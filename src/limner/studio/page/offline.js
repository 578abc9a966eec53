// A service worker: what this page has fetched once is there when the network is not, until the folder changes.

const STORE = "limner-";

self.addEventListener("install", (event) => event.waitUntil(begin()));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(self.registration.scope)) event.respondWith(answer(event.request));
});

/** Fetch all files of the folder; they are few, and the largest are there already. */
async function begin() {
  const { build, files } = await (await fetch("./studio.json", { cache: "no-cache" })).json();
  const store = await caches.open(STORE + build);
  await store.addAll(["./", "./studio.json", ...files.map((name) => `./${name}`)]);
  await self.skipWaiting();
  for (const name of await caches.keys()) {
    if (name.startsWith(STORE) && name !== STORE + build) await caches.delete(name);
  }
}

/** Answer from what was kept; what tells whether the folder changed is asked of the network first. */
async function answer(request) {
  const kept = await caches.match(request, { ignoreSearch: true });
  if (kept && !request.url.endsWith("/studio.json")) return kept;
  try {
    const fresh = await fetch(request);
    if (kept && fresh.ok) await renew(kept, fresh.clone());
    return fresh;
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}

/** Where the folder was exported anew, fetch it whole; the next visit sees it. Where a server took its place, go. */
async function renew(kept, fresh) {
  const [before, now] = [await kept.clone().json(), await fresh.json()];
  if (now.kind !== "browser") await leave();
  else if (before.build !== now.build) await begin();
}

async function leave() {
  for (const name of await caches.keys()) if (name.startsWith(STORE)) await caches.delete(name);
  await self.registration.unregister();
}
