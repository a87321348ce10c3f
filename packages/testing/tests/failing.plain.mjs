// A program without a test runner that forgets an `await`. Run by tests/clients/test_testing_package.py.
import { startMock } from "doubletext-testing";

const mock = await startMock();
mock.waitForRequest("POST", "*/cancel");
await mock.stop();
