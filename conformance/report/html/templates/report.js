"use strict";
// Search, filter, copying a command, and unpacking. Without this script the page has the findings and their pictures.
(() => {
  const form = document.getElementById("filter");
  const search = document.getElementById("search");
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const found = document.getElementById("found");
  const entries = [...document.querySelectorAll(".entry")].map((element) => ({
    element,
    words: element.dataset.words.split(" "),
    text: element.firstElementChild.textContent.toLowerCase(),
  }));

  function apply() {
    const terms = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const words = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const all = words.size === boxes.length;
    let shown = 0;
    for (const entry of entries) {
      const fits = (all || entry.words.some((word) => words.has(word))) && terms.every((term) => entry.text.includes(term));
      entry.element.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    found.textContent = shown === entries.length ? "" : `${shown} of ${entries.length} shown`;
  }

  // What an entry contains is packed until a reader opens it, so that the page is small and loads fast.
  const filled = new WeakMap();

  function fill(entry) {
    const text = entry?.querySelector(":scope > template.packed");
    if (!text) return undefined;
    if (!filled.has(entry)) filled.set(entry, unpack(text));
    return filled.get(entry);
  }

  async function unpack(text) {
    const bytes = Uint8Array.from(atob(text.content.textContent), (sign) => sign.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const made = document.createElement("template");
    made.innerHTML = await new Response(stream).text();
    for (const picture of made.content.querySelectorAll(".picture")) explain(picture);
    text.replaceWith(made.content);
  }

  // The key of a picture names what is in it, and nothing else.
  function explain(picture) {
    const key = document.getElementById("key").content.cloneNode(true);
    for (const part of key.querySelectorAll("[data-for]")) if (!picture.querySelector(part.dataset.for)) part.remove();
    picture.append(key);
  }

  let followed = null;
  document.addEventListener("click", (event) => {
    followed = event.target.closest("a");
    // To follow a link again changes no address, and the browser would scroll to the record, past the picture.
    if (!followed || followed.getAttribute("href") !== location.hash) return;
    event.preventDefault();
    reveal();
  });

  // A link to an entry that is folded or filtered out opens it.
  async function reveal() {
    const id = decodeURIComponent(location.hash.slice(1));
    const from = followed;
    followed = null;
    await fill(document.getElementById(id.split("-m")[0]));
    const target = document.getElementById(id);
    const entry = target && target.closest(".entry");
    if (!entry) return;
    entry.hidden = false;
    for (let at = target; at && at !== document.body; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    const own = target.querySelector(":scope > details");
    if (own) own.open = true;
    // `:target` does not match an element that was made after the browser followed the link.
    for (const before of document.querySelectorAll(".sought")) before.classList.remove("sought");
    target.classList.add("sought");
    const marks = [...entry.querySelectorAll(`.picture a[href="#${CSS.escape(id)}"]`)];
    for (const mark of marks) mark.classList.add("sought");
    // A link from elsewhere leads to the picture first, and one in the picture to the record below it.
    const picture = id.includes("-m") && !entry.contains(from) && entry.querySelector(".picture");
    (picture ? entry : target).scrollIntoView();
    // On a phone the picture is wider than the screen.
    const wide = picture && picture.querySelector(".wide");
    if (!wide || !marks.length) return;
    const at = marks[marks.length - 1].getBoundingClientRect();
    const around = wide.getBoundingClientRect();
    wide.scrollLeft += at.left + at.width / 2 - around.left - around.width / 2;
  }

  function offerCopy(details) {
    for (const command of details.querySelectorAll(":scope > .curl")) {
      if (command.nextElementSibling) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(command.textContent);
        button.textContent = "Copied";
      });
      command.after(button);
    }
  }

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", apply);
  addEventListener("hashchange", reveal);
  document.addEventListener("toggle", ({ target }) => {
    if (!target.open) return;
    fill(target);
    if (navigator.clipboard) offerCopy(target);
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(input|textarea)$/i.test(event.target.tagName)) {
      event.preventDefault();
      search.focus();
    }
  });
  reveal();
})();
