(function () {
  "use strict";
  function pointOf(event) { return event.target.closest ? event.target.closest(".point") : null; }
  document.querySelectorAll(".plot").forEach(function (plot) {
    var tip = plot.querySelector(".tip");
    var pictures = JSON.parse(plot.parentElement.querySelector("script").textContent);
    function show(point) {
      var picture = pictures[point.dataset.configuration];
      tip.textContent = point.getAttribute("aria-label");
      if (picture) {
        var image = document.createElement("img");
        image.src = picture;
        image.alt = "Traversal of its latent dimensions, one row each.";
        tip.appendChild(image);
      }
      tip.hidden = false;
      var box = plot.getBoundingClientRect(), at = point.querySelector(".mark").getBoundingClientRect();
      var left = at.right - box.left + 8, lowest = window.innerHeight - tip.offsetHeight - 8;
      tip.style.left = Math.max(0, Math.min(left, box.width - tip.offsetWidth)) + "px";
      tip.style.top = Math.max(8, Math.min(at.bottom + 8, lowest)) - box.top + "px";
    }
    function hide() { tip.hidden = true; }
    function within(node) { return node && (tip.contains(node) || (node.closest && node.closest(".point"))); }
    plot.addEventListener("mouseover", function (event) { var point = pointOf(event); if (point) { show(point); } });
    plot.addEventListener("mouseout", function (event) { if (!within(event.relatedTarget)) { hide(); } });
    plot.addEventListener("focusin", function (event) { var point = pointOf(event); if (point) { show(point); } });
    plot.addEventListener("focusout", hide);
    document.addEventListener("keydown", function (event) { if (event.key === "Escape") { hide(); } });
  });
}());
