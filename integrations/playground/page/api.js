// The page's calls, and the stream of what changed.

export class Refused extends Error {}

async function read(response) {
  const text = await response.text();
  try {
    const answer = JSON.parse(text);
    if (response.ok) return answer;
    throw new Refused(answer.error);
  } catch (error) {
    throw error instanceof Refused ? error : new Refused(text || `The playground answered ${response.status}.`);
  }
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refused("The playground does not answer. Is it running?");
  }
  return read(response);
}

export const get = (path, query = {}) => call(`/page/${path}?${new URLSearchParams(query)}`);

export const act = (path, body) =>
  call(`/page/${path}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export function upload(fields, file) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", file, file.name);
  return call("/page/upload", { method: "POST", body: form });
}

// Calls `changed` with every change, and with {type: "reload"} after each (re)connection; `state` with whether the
// stream is open, and whether it is over for good: the page's token ends with the playground's process.
export function listen(changed, state) {
  const source = new EventSource("/page/events");
  source.onopen = () => {
    state(true);
    changed({ type: "reload" });
  };
  source.onerror = () => state(false, source.readyState === EventSource.CLOSED);
  source.onmessage = (event) => changed(JSON.parse(event.data));
}
