from likebut_client import Client
from likebut_client.api.search import search
from likebut_client.models import Filter, SearchAnswer, SearchBody, SearchForm
from likebut_client.types import File

query = SearchBody(k=5, filter_=Filter.from_dict({"price": {"lt": 90}}))
with Client("http://127.0.0.1:8000") as shop, open("docs/sweater.jpg", "rb") as image:
    form = SearchForm(image=File(image), text="in red", query=query)
    answer = search.sync(client=shop, body=form)
assert isinstance(answer, SearchAnswer), answer
print(*[f"{hit.score:.2f} {hit.attributes['title']}" for hit in answer.hits], sep="\n")
