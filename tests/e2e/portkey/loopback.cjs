// The gateway binds every interface; a test's servers listen on loopback only.
const net = require("node:net");
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...given) {
  const [first, ...rest] = given;
  if (first !== null && typeof first === "object" && "port" in first) {
    return listen.call(this, { ...first, host: "127.0.0.1" }, ...rest);
  }
  const done = given.find((one) => typeof one === "function");
  return listen.call(this, Number(first), "127.0.0.1", ...(done ? [done] : []));
};
