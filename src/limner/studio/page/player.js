// A film of pictures: play, stop, scrub, there and back, by mouse and by keyboard; and save it.

import { film, gif, order, toCanvas, videoKind } from "./film.js";
import { HeartOf } from "./hearts.js";
import { html, say } from "./lang.js";
import { CanvasImage, download, ErrorLine, Icon, PngImage, Slider, useStored } from "./parts.js";
import { percent } from "./requests.js";
import { Side, useSide } from "./saving.js";
import { useEffect, useRef, useState } from "./vendor/preact.js";

const SPEEDS = { min: 1, max: 30, first: 8 };

/** Show pictures one after another; `pngs` are Blobs (null while they are drawn), `named` tells what each is. */
export function Player({ pngs, name, named, at, onAt }) {
  const frames = useFrames(pngs);
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useStored("speed", SPEEDS.first);
  const [back, setBack] = useStored("back", true);
  const way = order(pngs.length, back);
  usePlaying(playing, speed, way, at, onAt);
  const keys = (event) => {
    if (event.target.closest("input, select") && event.key !== " ") return;
    if (event.target.closest("button") && event.key === " ") return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === " ") setPlaying((now) => !now);
    else if (step) onAt(Math.min(pngs.length - 1, Math.max(0, at + step)));
    else return;
    event.preventDefault();
  };
  const ready = frames.filter(Boolean).length;
  return html`<div class="player stack" tabindex="0" role="group" aria-label="Film" onKeyDown=${keys}>
    <${CanvasImage} id="screen" frame=${frames[at]} alt=${named(at)} data-at=${at} />
    <div class="row">
      <button type="button" id="play" class="primary" aria-pressed=${playing} onClick=${() => setPlaying(!playing)}>
        <${Icon} name=${playing ? "pause" : "play"} /> ${playing ? say`Pause` : say`Play`}
      </button>
      <label class="row"><input type="checkbox" id="back" checked=${back}
        onChange=${() => setBack(!back)} /> there and back</label>
    </div>
    <${Slider} id="scrub" label="Frame" value=${at} max=${pngs.length - 1} step=${1}
      valueText=${say`${at + 1} of ${pngs.length}`} onInput=${onAt} />
    <${Slider} id="speed" label="Speed" value=${speed} min=${SPEEDS.min} max=${SPEEDS.max} step=${1}
      valueText=${say`${speed} a second`} onInput=${setSpeed} />
    <${Saving} frames=${frames} ready=${ready === pngs.length} way=${way} speed=${speed} name=${name} />
    <p class="soft keys"><kbd>Space</kbd> plays, <kbd>←</kbd> <kbd>→</kbd> step.</p>
  </div>`;
}

/** All frames of a film, small, to go to one or to keep it. */
export function Frames({ pictures, named, at, onAt, parents }) {
  return html`<ul class="sheet frames" aria-label="Frames">
    ${pictures.map(
      (picture, i) => html`<li class="tile" key=${i}>
        <button type="button" class="open" aria-pressed=${i === at} onClick=${() => onAt(i)}>
          <${PngImage} png=${picture?.png} alt=${named(i)} />
        </button>
        <${HeartOf} picture=${picture} parents=${parents} />
      </li>`,
    )}
  </ul>`;
}

function Saving({ frames, ready, way, speed, name }) {
  const [busy, setBusy] = useState("");
  const [error, setError] = useState(null);
  const [side, setSide] = useSide();
  const kind = videoKind();
  const shown = way.map((i) => frames[i]);
  const milliseconds = 1000 / speed;
  const busyWhile = async (text, work) => {
    setBusy(text);
    setError(null);
    try {
      await work();
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy("");
    }
  };
  const saveGif = () =>
    busyWhile(say`Making the GIF ...`, async () => download(await gif(shown, { milliseconds, side }), `${name}.gif`));
  const saveVideo = () =>
    busyWhile(say`Filming ...`, async () => {
      const onProgress = (share) => setBusy(say`Filming ... ${percent(share)}`);
      const video = await film(shown, { milliseconds, side, onProgress });
      download(video.file, `${name}.${video.kind}`);
    });
  const waits = !ready || Boolean(busy);
  return html`<div class="stack">
    <div class="row">
      <button type="button" id="save-gif" disabled=${waits} onClick=${saveGif}><${Icon} name="save" /> GIF</button>
      ${
        kind &&
        html`<button type="button" id="save-video" disabled=${waits} onClick=${saveVideo}>
        <${Icon} name="save" /> Video (${kind === "mp4" ? "MP4" : "WebM"})
      </button>`
      }
      <${Side} side=${side} onSide=${setSide} />
      <span class="soft" role="status">${busy}</span>
    </div>
    ${!kind && html`<p class="soft">This browser records no video.</p>`}
    <${ErrorLine} error=${error} />
  </div>`;
}

/** Decode pictures, each once; a frame is null until it is there. */
function useFrames(pngs) {
  const decoded = useRef(new Map());
  const [, setCount] = useState(0);
  const here = useRef(true);
  useEffect(
    () => () => {
      here.current = false;
    },
    [],
  );
  useEffect(() => {
    for (const png of pngs.filter((one) => one && !decoded.current.has(one))) {
      decoded.current.set(png, null);
      toCanvas(png).then((frame) => {
        decoded.current.set(png, frame);
        if (here.current) setCount((n) => n + 1);
      });
    }
    for (const png of decoded.current.keys()) if (!pngs.includes(png)) decoded.current.delete(png);
  }, [pngs]);
  return pngs.map((png) => decoded.current.get(png) ?? null);
}

/** Step along the way at a pace while it plays. */
function usePlaying(playing, speed, way, at, onAt) {
  const place = useRef(0);
  const now = useRef(null);
  now.current = { way, at, onAt };
  useEffect(() => {
    if (!playing) return undefined;
    const timer = setInterval(() => {
      const { way: frames, at: shown, onAt: show } = now.current;
      if (frames[place.current] !== shown) place.current = Math.max(0, frames.indexOf(shown));
      place.current = (place.current + 1) % frames.length;
      show(frames[place.current]);
    }, 1000 / speed);
    return () => clearInterval(timer);
  }, [playing, speed]);
}
