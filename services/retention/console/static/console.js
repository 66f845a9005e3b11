// Keys for people who review all day. Everything works without this file.
"use strict";
(() => {
  const typing = (element) => element.matches("input, textarea, select, [contenteditable]");
  const links = () => [...document.querySelectorAll("[data-list] .open")];

  const step = (by) => {
    const all = links();
    if (!all.length) return;
    const at = all.indexOf(document.activeElement);
    const next = all[Math.min(all.length - 1, Math.max(0, at + by))];
    next.focus({ preventScroll: true });
    next.closest(".card").scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const act = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "/" && document.getElementById("q")) document.getElementById("q").focus();
    else if (event.key === "u" && document.querySelector(".back a")) document.querySelector(".back a").click();
    else if (act) act.focus();
    else return;
    event.preventDefault();
  });

  // One act per form: a second press while the first is on its way does nothing.
  for (const form of document.querySelectorAll('form[method="post"]')) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
    });
  }
})();
