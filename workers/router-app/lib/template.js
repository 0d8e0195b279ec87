const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (character) => entities[character]);
}

// Puts `body` in as it is and everything else escaped.
export function fill(template, { title, body }) {
  return template.replaceAll("{{title}}", escapeHtml(title)).replace("{{body}}", () => body);
}
