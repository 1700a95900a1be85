// Times that run out: <time data-until="…"> shows the minutes and seconds that are left, and is
// of the class "ending" in the last minute.

const LAST_SECONDS = 60;

export function startCountdowns(clockOffset, onEnd) {
  const tick = () => {
    const now = Date.now() + clockOffset();
    for (const element of document.querySelectorAll("time[data-until]")) {
      const seconds = Math.ceil((Date.parse(element.dataset.until) - now) / 1000);
      if (seconds < 0) continue;
      element.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
      element.classList.toggle("ending", seconds <= LAST_SECONDS);
      if (seconds === 0) onEnd();
    }
  };
  tick();
  setInterval(tick, 1000);
}
