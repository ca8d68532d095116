// What npm's asl-validator says about every state machine. The rules that are Tidegate's own are in tests/architecture.

const fs = require("node:fs");
const path = require("node:path");
const validate = require("asl-validator");

const folder = path.join(__dirname, "../../statemachines");
for (const file of fs.readdirSync(folder).filter((name) => name.endsWith(".asl.json"))) {
  const definition = JSON.parse(fs.readFileSync(path.join(folder, file), "utf8"));
  const { isValid, errorsText } = validate(definition, { checkArn: true, checkPaths: true });
  if (!isValid) {
    console.error(`${file}:\n${errorsText()}`);
    process.exitCode = 1;
  }
}
