"use strict";
// Talks to the authenticator (W3C WebAuthn Level 3) and to this page's own origin; nothing else.

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const say = (message) => { document.getElementById("status").textContent = message; };

async function ask(path, document_) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-clyra-csrf": document.body.dataset.csrf || "" },
    body: JSON.stringify(document_ || {}),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.detail || "It was refused.");
  return told;
}

const listed = (credentials) => (credentials || []).map((one) => ({ ...one, id: bytes(one.id) }));

async function assertion(options) {
  const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: listed(options.allowCredentials) };
  const made = await navigator.credentials.get({ publicKey });
  const response = made.response;
  return {
    id: made.id,
    response: {
      clientDataJSON: text(response.clientDataJSON),
      authenticatorData: text(response.authenticatorData),
      signature: text(response.signature),
    },
  };
}

async function registration(options) {
  const publicKey = {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: listed(options.excludeCredentials),
  };
  const made = await navigator.credentials.create({ publicKey });
  return {
    id: made.id,
    rawId: text(made.rawId),
    type: made.type,
    response: {
      clientDataJSON: text(made.response.clientDataJSON),
      attestationObject: text(made.response.attestationObject),
    },
  };
}

async function guarded(buttons, work) {
  buttons.forEach((one) => { one.disabled = true; });
  say("Waiting for your authenticator …");
  try {
    await work();
  } catch (error) {
    say(error.name === "NotAllowedError" ? "The authenticator was not used." : error.message);
    buttons.forEach((one) => { one.disabled = false; });
  }
}

const login = document.getElementById("passkey-login");
if (login) {
  login.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = login.querySelector("button");
    guarded([button], async () => {
      const asked = await ask("/login/passkey/options", { name: login.elements.name.value });
      await ask("/login/passkey", { key: asked.key, answer: await assertion(asked.options) });
      location.assign(button.dataset.next || "/");
    });
  });
}

const choices = document.getElementById("passkey");
if (choices) {
  const buttons = [...choices.querySelectorAll("button")];
  for (const button of buttons) {
    button.addEventListener("click", () => guarded(buttons, async () => {
      const path = `/r/${choices.dataset.packet}`;
      const asked = await ask(`${path}/challenge`, { decision: button.dataset.decision });
      const told = await ask(`${path}/decide`, { nonce: asked.nonce, answer: await assertion(asked.options) });
      say(`Your decision is recorded. The request is now: ${told.state}.`);
      document.body.dataset.decided = told.state;
    }));
  }
}

const enrol = document.getElementById("enrol");
if (enrol) {
  enrol.addEventListener("click", () => guarded([enrol], async () => {
    const path = `/enrol/${enrol.dataset.token}`;
    const options = await ask(`${path}/options`);
    await ask(path, await registration(options));
    say("This device is registered. You may close this page.");
    document.body.dataset.enrolled = "yes";
  }));
}
