// A module with a state.
export let content;
export function fill(value) { content = value; }
