// What the check `default.regexMatch` of the Portkey gateway does with a text, for each of several patterns.
import { readFileSync } from "node:fs";

const { patterns, texts } = JSON.parse(readFileSync(0, "utf8"));
const spent = texts.map((text) => {
  const started = process.cpuUsage();
  for (const pattern of patterns) new RegExp(pattern).exec(text);
  const used = process.cpuUsage(started);
  return (used.user + used.system) / 1e6;
});
process.stdout.write(JSON.stringify(spent));
