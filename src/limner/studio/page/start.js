// Begins the page: its language first, then the page in it.

import { speak } from "./lang.js";

speak()
  .catch(() => {}) // then it is in English
  .then(() => {
    import("./app.js");
    if (/^(#\/draw.*)?$/.test(location.hash)) import("./views/draw.js"); // the view that comes first is on its way, too
  });
