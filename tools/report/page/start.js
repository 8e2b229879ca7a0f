// Reads the data and draws.
{
  const data = JSON.parse(document.getElementById('data').textContent);
  colors = bytesOf(data.colors);
  const openTensor = startTable(data);
  startTreemap(treeOf(data), openTensor);
  document.documentElement.dataset.report = 'drawn';
}
