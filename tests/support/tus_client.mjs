// Uploads one file by tus-js-client as a careful page would, and prints what came of it.
import fs from "node:fs";
import * as tus from "tus-js-client";

const given = JSON.parse(process.argv[2]);
const requests = [];
const upload = new tus.Upload(fs.createReadStream(given.path), {
  endpoint: given.endpoint,
  headers: { Authorization: `Bearer ${given.key}` },
  metadata: given.metadata,
  chunkSize: given.chunkSize ?? Infinity,
  parallelUploads: given.parallelUploads ?? 1,
  uploadDataDuringCreation: given.uploadDataDuringCreation ?? false,
  retryDelays: given.retryDelays ?? Array(20).fill(200),
  storeFingerprintForResuming: Boolean(given.storage),
  urlStorage: given.storage ? new tus.FileUrlStorage(given.storage) : null,
  onAfterResponse: (request, response) =>
    requests.push([request.getMethod(), response.getStatus()]),
  onError: (error) => {
    console.log(JSON.stringify({ error: String(error), requests }));
    process.exit(1);
  },
  onSuccess: ({ lastResponse }) =>
    console.log(JSON.stringify({ task: lastResponse.getHeader("Entrepot-Task-Id"), requests })),
});
const previous = given.storage ? await upload.findPreviousUploads() : [];
if (previous.length) upload.resumeFromPreviousUpload(previous[0]);
upload.start();
