// What a scene showed is remembered like everything made.

import { useShared } from "../parts.js";
import { useEffect } from "../vendor/preact.js";

const RESTS = 1500; // milliseconds; what a drag passes is not what was made

/** Put a picture into the history once it rests. */
export function useHistory(picture, parents = null) {
  const { studio, fail } = useShared();
  useEffect(() => {
    if (!picture?.recipe) return undefined;
    const timer = setTimeout(() => studio.gallery.add(picture.png, { keep: false, parents }).catch(fail), RESTS);
    return () => clearTimeout(timer);
  }, [picture]);
}
