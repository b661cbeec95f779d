// Judges pieces of HTML: shows each in a frame, reads each with this browser's parser.
const ran = [];
const changed = [];
let fetched = 0;
let forbidden = 0;
window.tell = (what) => ran.push(what);

const HOOKS =
  "<script>for (const name of ['alert','confirm','prompt','print','eval','open','fetch','XMLHttpRequest','Image'])" +
  " window[name] = function () { parent.tell(name); };" +
  " window.onerror = () => { parent.tell('an error in a script'); };</" + "script>";

function show(batch) {
  return new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.onload = () => setTimeout(() => {
      const inner = frame.contentDocument;
      fetched += frame.contentWindow.performance.getEntriesByType("resource").length;
      for (const element of inner.body.querySelectorAll("*")) {
        const isForbidden = ["SCRIPT", "IFRAME", "OBJECT", "EMBED", "FORM", "INPUT", "STYLE", "LINK", "META", "BASE"].includes(element.tagName)
          || element.namespaceURI !== "http://www.w3.org/1999/xhtml"
          || [...element.attributes].some((attribute) => attribute.name.startsWith("on"));
        if (isForbidden) forbidden += 1;
        if (element.tagName === "A" || element.tagName === "IMG") element.dispatchEvent(new MouseEvent("mouseover"));
      }
      frame.remove();
      done();
    }, 20);
    frame.srcdoc = HOOKS + "<body>" + batch.join("\n<hr>\n");
    document.body.append(frame);
  });
}

(async () => {
  for (const piece of pieces) {
    const template = document.createElement("template");
    template.innerHTML = piece;
    const once = template.innerHTML;
    template.innerHTML = once;
    if (template.innerHTML !== once || once !== piece) changed.push(piece);
  }
  for (let at = 0; at < pieces.length; at += 200) await show(pieces.slice(at, at + 200));
  document.getElementById("told").textContent =
    `${pieces.length} judged; ran: ${ran.length}; fetched: ${fetched}; forbidden: ${forbidden}; changed: ${changed.length}`;
  for (const piece of changed.slice(0, 12)) console.log(piece);
})();
