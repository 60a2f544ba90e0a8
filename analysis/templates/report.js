(function () {
  "use strict";
  var plot = document.getElementById("plot"), tip = document.getElementById("tip");
  if (!plot) { return; }
  var pictures = JSON.parse(document.getElementById("traversals").textContent);
  function show(point) {
    var text = point.getAttribute("aria-label"), picture = pictures[point.dataset.configuration];
    tip.textContent = text;
    if (picture) {
      var image = document.createElement("img");
      image.src = picture;
      image.alt = "Traversal of its latent dimensions, one row each.";
      tip.appendChild(image);
    }
    tip.hidden = false;
    var box = plot.getBoundingClientRect(), at = point.getBoundingClientRect();
    var left = at.left - box.left + 18, top = at.top - box.top + 18;
    tip.style.left = Math.max(0, Math.min(left, box.width - tip.offsetWidth)) + "px";
    tip.style.top = top + "px";
  }
  function hide() { tip.hidden = true; }
  function pointOf(event) { return event.target.closest ? event.target.closest(".point") : null; }
  plot.addEventListener("mouseover", function (event) { var point = pointOf(event); if (point) { show(point); } });
  plot.addEventListener("mouseout", function (event) { if (pointOf(event)) { hide(); } });
  plot.addEventListener("focusin", function (event) { var point = pointOf(event); if (point) { show(point); } });
  plot.addEventListener("focusout", hide);
  document.addEventListener("keydown", function (event) { if (event.key === "Escape") { hide(); } });
}());
