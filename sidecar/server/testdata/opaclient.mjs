// Asks a server with OPA's own SDK, and prints what it makes of the answers, one a line.
import { OPAClient } from "@open-policy-agent/opa";
import { OpaApiClient } from "@open-policy-agent/opa/sdk/sdk.js";

const [url, batches] = process.argv.slice(2);
const opa = new OPAClient(url);

const show = async (name, asked) => {
  let line;
  try {
    line = { value: (await asked()) ?? null };
  } catch (e) {
    line = { error: e.constructor?.name ?? typeof e, code: e.code, status: e.statusCode ?? e.httpMeta?.response?.status };
  }
  console.log(JSON.stringify({ name, ...line }));
};

class Person {
  toInput() {
    return { user: "alice" };
  }
}

await show("allow", () => opa.evaluate("app/allow", { user: "alice" }));
await show("to input", () => opa.evaluate("app/allow", new Person()));
await show("undefined", () => opa.evaluate("app/allow", { user: "bob" }));
await show("nowhere", () => opa.evaluate("nowhere/at/all", { user: "bob" }));
await show("no input", () => opa.evaluate("app/flag"));
await show("object", () => opa.evaluate("app/decision", { user: "alice" }, { fromResult: (r) => r.allow }));
await show("text input", () => opa.evaluate("app/echo", "text"));
await show("list input", () => opa.evaluate("app/echo", [1, null, "x"]));
await show("boolean input", () => opa.evaluate("app/echo", false));
await show("package", () => opa.evaluate("app/sub", { outer: 1 }));
await show("text beyond ASCII", () => opa.evaluate("records/ключ", {}));
await show("name with a space", () => opa.evaluate("records/a b", {}));
await show("conflict", () => opa.evaluate("app/twice", { x: 1 }));
await show("default", () => opa.evaluateDefault({ a: 1 }));
await show("default without input", () => opa.evaluateDefault());
await show("fallback", async () => await opa.evaluateBatch("app/allow", { a: { user: "alice" }, b: { user: "bob" } }, { fallback: true }));
if (batches) {
  await show("batch", () => opa.evaluateBatch("app/allow", { a: { user: "alice" }, b: { user: "bob" } }));
  await show("mixed", () => opa.evaluateBatch("app/twice", { good: {}, bad: { x: 1 } }));
  await show("mixed, rejected", () => opa.evaluateBatch("app/twice", { good: {}, bad: { x: 1 } }, { rejectMixed: true }));
  await show("all bad", () => opa.evaluateBatch("app/twice", { a: { x: 1 }, b: { x: 1 } }));
  await show("empty", () => opa.evaluateBatch("app/allow", {}));
}
await show("health", async () => (await new OpaApiClient({ serverURL: url }).health(true, true)).healthyServer);
