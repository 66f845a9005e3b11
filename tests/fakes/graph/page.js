// Looks again every second and replaces the posts when something changed. The page works without it.
"use strict";
const posts = document.getElementById("posts");
let last = "";
setInterval(async () => {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("posts");
    if (found && found.innerHTML !== last) {
      last = found.innerHTML;
      posts.replaceChildren(...found.childNodes);
    }
  } catch { /* The server is away for a moment. */ }
}, 1000);
