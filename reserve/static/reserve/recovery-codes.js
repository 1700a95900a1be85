// Copying and printing need scripts; without them the buttons stay hidden.
const codes = [...document.querySelectorAll(".codes li")].map(({ textContent }) => textContent.trim());
const copy = document.querySelector("#copy-codes");
const print = document.querySelector("#print-codes");

if (navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(codes.join("\n"));
    copy.textContent = "Copied";
  });
}
print.hidden = false;
print.addEventListener("click", () => window.print());
