// Begins the page: its language first, then the page in it.

import { speak } from "./lang.js";

speak()
  .catch(() => {}) // then it is in English
  .then(() => import("./app.js"));
