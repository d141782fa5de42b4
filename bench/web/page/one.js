// What a page with one client has besides it.
import * as measures from "./measures.js";

globalThis.measures = measures;
