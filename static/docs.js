// /docs: Swagger UI over /openapi.json. Where the assets of Swagger UI are not installed, the same description as plain text.
"use strict";

async function plain(root) {
  const api = await (await fetch("/openapi.json")).json();
  const line = (tag, text, name) => {
    const element = document.createElement(tag);
    element.textContent = text;
    if (name) element.className = name;
    root.append(element);
  };
  root.className = "plain";
  line("h1", `${api.info.title} ${api.info.version}`);
  line("p", api.info.description);
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      line("h2", `${method.toUpperCase()} ${path}`, "path");
      line("p", operation.summary);
      for (const parameter of operation.parameters ?? []) {
        const known = parameter.$ref ? api.components.parameters[parameter.$ref.split("/").pop()] : parameter;
        line("p", `${known.in} ${known.name}: ${known.description ?? ""}`);
      }
      line("p", Object.entries(operation.responses).map(([status, reply]) =>
        `${status} ${(reply.$ref ? api.components.responses[reply.$ref.split("/").pop()] : reply).description}`).join(" · "));
    }
  }
}

const root = document.getElementById("docs");
if (window.SwaggerUIBundle) {
  window.ui = window.SwaggerUIBundle({ url: "/openapi.json", domNode: root, deepLinking: true, tryItOutEnabled: true });
} else {
  plain(root);
}
