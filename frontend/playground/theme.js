// Monaco's colours, to go with playground.css. Contrast of every pair is at least 4.5 : 1.

const PALETTES = {
  light: {
    base: "vs",
    raised: "#ffffff",
    faint: "#5f6b6a",
    accent: "#0b6b5d",
    wash: "#0b6b5d1a",
    rules: [
      ["comment", "5f6b6a", "italic"],
      ["keyword", "0b6b5d"],
      ["argument.identifier.gql", "6b4fa0"],
      ["key.identifier.gql", "1f4f7a"],
      ["type.identifier.gql", "8a4b08"],
      ["string", "a3362c"],
      ["string.key.json", "0b5c8a"],
      ["string.value.json", "a3362c"],
      ["number", "8a4b08"],
      ["delimiter", "4d5b5a"],
    ],
  },
  dark: {
    base: "vs-dark",
    raised: "#1d2c2a",
    faint: "#8fa3a0",
    accent: "#5fd3bd",
    wash: "#5fd3bd22",
    rules: [
      ["comment", "8fa3a0", "italic"],
      ["keyword", "5fd3bd"],
      ["argument.identifier.gql", "c3a9f5"],
      ["key.identifier.gql", "a8d4f0"],
      ["type.identifier.gql", "f0b979"],
      ["string", "f2a293"],
      ["string.key.json", "8ccdf2"],
      ["string.value.json", "f2a293"],
      ["number", "f0b979"],
      ["delimiter", "a9bab7"],
    ],
  },
};

// Braces say nothing here that the indentation does not, so all depths look alike.
const BRACKET_COLOURS = [1, 2, 3, 4, 5, 6].map((depth) => `editorBracketHighlight.foreground${depth}`);

export const EDITOR_THEME = { light: "reserve-light", dark: "reserve-dark" };

export function defineEditorThemes(monaco) {
  for (const [name, { base, raised, faint, accent, wash, rules }] of Object.entries(PALETTES)) {
    monaco.editor.defineTheme(EDITOR_THEME[name], {
      base,
      inherit: true,
      rules: rules.map(([token, foreground, fontStyle]) => ({ token, foreground, fontStyle })),
      colors: {
        "editor.background": "#ffffff00",
        "scrollbar.shadow": "#ffffff00",
        "editorLineNumber.foreground": faint,
        "editorLineNumber.activeForeground": accent,
        "editor.placeholder.foreground": faint,
        ...Object.fromEntries(BRACKET_COLOURS.map((colour) => [colour, faint])),
        "textLink.foreground": accent,
        "textLink.activeForeground": accent,
        "editorLink.activeForeground": accent,
        "editorHoverWidget.background": raised,
        "editorWidget.background": raised,
        "editorWidget.resizeBorder": accent,
        "editorSuggestWidget.background": raised,
        "editorSuggestWidget.selectedBackground": wash,
        "list.hoverBackground": wash,
        "list.highlightForeground": accent,
        "list.focusHighlightForeground": accent,
        "menu.background": raised,
        "menu.selectionBackground": wash,
        "menu.selectionForeground": accent,
        "quickInput.background": raised,
        "quickInputList.focusBackground": wash,
        "quickInputList.focusForeground": accent,
        "pickerGroup.foreground": accent,
        "input.background": wash,
        "toolbar.hoverBackground": wash,
        "inputOption.hoverBackground": wash,
        focusBorder: accent,
      },
    });
  }
}
