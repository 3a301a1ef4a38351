import { readFile } from "node:fs/promises";
import { likebut } from "likebut-client";

const shop = likebut({ baseUrl: "http://127.0.0.1:8000" });
const image = new Blob([await readFile("docs/sweater.jpg")]);
const query = { k: 5, filter: { price: { lt: 90 } } };
const answer = await shop.POST("/search", { body: { image, text: "in red", query } });
for (const { score, attributes } of answer.hits) {
  console.log(score.toFixed(2), attributes["title"]);
}
