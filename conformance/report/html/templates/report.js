"use strict";
// Search, filter, and copying a command. The page is complete without this script.
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

  // The record of a scenario is inert text until a reader opens the scenario, so that the page loads fast.
  function fill(scene) {
    const text = scene?.querySelector(":scope > noscript");
    if (!text) return;
    const made = document.createElement("template");
    made.innerHTML = text.textContent;
    text.replaceWith(made.content);
  }

  let followed = null;
  document.addEventListener("click", ({ target }) => { followed = target.closest("a"); });

  // A link to an entry that is folded or filtered out opens it.
  function reveal() {
    const id = decodeURIComponent(location.hash.slice(1));
    fill(document.getElementById(id.split("-m")[0]));
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
    for (const mark of entry.querySelectorAll(`.picture a[href="#${CSS.escape(id)}"]`)) mark.classList.add("sought");
    // A link from elsewhere leads to the picture first, and one in the picture to the record below it.
    const picture = id.includes("-m") && !entry.contains(followed) && entry.querySelector(".picture");
    (picture || target).scrollIntoView();
    followed = null;
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
    if (target.classList.contains("scene")) fill(target);
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
